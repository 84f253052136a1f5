"""Answers to 50, simulate drift and raise an alert."""

import datetime
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from helpers import drift, flights, logged, modeling, prediction_log, replay
from tests.answers import Answers, Made, Wrong

# --- 50.1: right ones, and spoiled ones -------------------------------------------------------------------------------------

TYPES = dict.fromkeys(flights.NUMERIC, "float64") | dict.fromkeys(flights.CATEGORICAL, "str")


def morning(date):
    return datetime.datetime.combine(date, datetime.time(9), datetime.UTC).timestamp()


def inputs_of(table):
    return table[list(flights.FEATURES)].astype(TYPES)


def known(day, labels):
    return [(*named, row.late, row.known_at, "arrivals") for named, row in zip(labels, day.labels.itertuples(), strict=True)]


def log_days(file, table, model):
    place = {}
    with prediction_log.PredictionLog(file) as log:
        for day in replay.replay(table):
            X, request = inputs_of(day.flights), f"day-{day.date}"
            p = modeling.probability_late(model, X)
            log.append(request, X.to_dict("records"), p, version="1", when=morning(day.date))
            place.update({name: (request, row) for row, name in enumerate(X.index)})
            logged.add_outcomes(file, known(day, [place[name] for name in day.labels.index]))


def log_flight_by_flight(file, table, model):
    log = prediction_log.PredictionLog(file)
    for day in replay.replay(table):
        X = inputs_of(day.flights)
        for name, row, p in zip(X.index, X.to_dict("records"), modeling.probability_late(model, X), strict=True):
            log.append(f"flight-{name}", [row], [p], version="3", when=morning(day.date))
    log.close()
    for day in replay.replay(table):
        logged.add_outcomes(file, known(day, [(f"flight-{name}", 0) for name in day.labels.index]))


def log_in_columns(file, table, model):
    X = inputs_of(table)
    p = pd.Series(modeling.probability_late(model, X), X.index)
    rows, outcomes = {}, []
    with prediction_log.PredictionLog(file) as log:
        for day in replay.replay(table):
            request, index = prediction_log.new_request_id(morning(day.date)), day.flights.index
            part = X.loc[index]
            columns = {name: part[name].to_numpy() if name in flights.NUMERIC else part[name].tolist() for name in part}
            log.append(request, columns, p[index], version="7", when=morning(day.date))
            rows |= {name: (request, row) for row, name in enumerate(index)}
            outcomes += known(day, [rows[name] for name in day.labels.index])
    logged.add_outcomes(file, outcomes)


def spoiled_log(
    *, inputs=inputs_of, when=lambda day, place: morning(day.date), outcome=known, of=lambda day: day.flights, spoil=None
):
    def log_it(file, table, model):
        place, by_index = {}, table
        with prediction_log.PredictionLog(file) as log:
            for number, day in enumerate(replay.replay(table)):
                some = of(day) if of.__code__.co_argcount == 1 else of(day, by_index)
                X, request = inputs_of(some), f"day-{number}"
                p = modeling.probability_late(model, X)
                p = spoil(p) if spoil else p
                rows = inputs(by_index.loc[some.index]) if inputs is not inputs_of else X
                log.append(request, rows.to_dict("records"), p, version="1", when=when(day, number))
                place.update({name: (request, row) for row, name in enumerate(X.index)})
                there = [name in place for name in day.labels.index]
                day = replay.Day(day.date, day.flights, day.labels[there])
                logged.add_outcomes(file, outcome(day, [place[name] for name in day.labels.index]))

    return log_it


def with_the_outcome(table):
    return inputs_of(table).assign(dep_delay=table["dep_delay"].astype(float))


def as_soon_as_forecast(day, labels):
    return [
        (*named, row.late, morning(day.date) - 3 * 86_400, "arrivals")
        for named, row in zip(labels, day.labels.itertuples(), strict=True)
    ]


def in_the_order_they_came(day, labels):
    shifted = labels[1:] + labels[:1]
    return known(day, shifted)


def when_the_day_ends(day, labels):
    return [
        (*named, row.late, morning(day.date) + 54_000, "arrivals")
        for named, row in zip(labels, day.labels.itertuples(), strict=True)
    ]


LOGS_WRONG = [
    Wrong(spoiled_log(inputs=with_the_outcome), "outcome among the inputs", "dep_delay"),
    Wrong(
        spoiled_log(of=lambda day, table: day.flights[table.loc[day.flights.index, "status"] == "arrived"]),
        "only flights that arrived",
    ),
    Wrong(spoiled_log(of=lambda day: day.flights.head(20)), says="Each flight once"),
    Wrong(spoiled_log(when=lambda day, place: time.time()), "this machine's clock", "when="),
    Wrong(spoiled_log(when=lambda day, place: 1.37e9), "all at once"),
    Wrong(spoiled_log(when=lambda day, place: morning(day.date) + 7200), says="9:00 UTC"),
    Wrong(spoiled_log(outcome=lambda day, labels: []), says="outcome"),
    Wrong(spoiled_log(outcome=as_soon_as_forecast), "labels before they are known", "known_at"),
    Wrong(spoiled_log(outcome=in_the_order_they_came), "outcomes of other flights"),
    Wrong(spoiled_log(outcome=when_the_day_ends), says="known_at"),
    Wrong(spoiled_log(spoil=lambda p: 1 - p), says="probabilities"),
    Wrong(spoiled_log(inputs=lambda table: inputs_of(table).fillna(0.0)), says="inputs"),
    Wrong(lambda file, table, model: None, says="no log"),
    Wrong("predictions.db"),
]

# --- monitors: a way to measure a window, limits from quiet weeks, rules over them ---------------------------------------------

DAY = pd.Timedelta(days=1)


def window(log, now, days=7):
    """What is known at a moment."""
    log = log[(log["at"] < now) & (log["at"] >= now - days * DAY)]
    return log.assign(outcome=log["outcome"].mask(~(log["outcome_at"] < now)))


def name(metric, column):
    return f'{metric}{{column="{column}"}}'


def late_gap(rows):
    there = rows[rows["outcome"].notna()]
    return {("gap", "late"): abs(there["outcome"].astype(float).mean() - there["late"].mean())} if len(there) >= 100 else {}


def missing_and_new(rows, before):
    found = {("missing", c): abs(rows[c].isna().mean() - before[c].isna().mean()) for c in flights.FEATURES}
    return found | {
        ("new", c): (rows[c].notna() & ~rows[c].isin(before[c])).mean() for c in flights.CATEGORICAL if c != "weekday"
    }


def by_effect(rows, before):
    """KS distance and total variation of what is there, missing, new, and late against promised."""
    found = {
        ("effect", c): stats.ks_2samp(rows[c].dropna(), before[c].dropna(), method="asymp").statistic
        for c in flights.NUMERIC
        if rows[c].notna().sum() > 50
    }
    for c in ("carrier", "origin", "dest"):
        shares = [side[c].value_counts(normalize=True) for side in (rows, before)]
        found["effect", c] = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
    return found | missing_and_new(rows, before) | late_gap(rows)


def by_psi(rows, before):
    """PSI over its noise floor; missing is a bin of its own."""
    found = {}
    for c in (*flights.NUMERIC, "carrier", "origin", "dest"):
        if c in flights.NUMERIC:
            edges = np.unique(before[c].quantile(np.linspace(0.1, 0.9, 9)))
            bins = [
                np.append(np.bincount(np.searchsorted(edges, side[c].dropna()), minlength=len(edges) + 1), side[c].isna().sum())
                for side in (rows, before)
            ]
        else:
            counts = [side[c].value_counts() for side in (rows, before)]
            words = counts[1].index[:12]
            bins = [np.array([*count.reindex(words, fill_value=0), count[~count.index.isin(words)].sum(), 0]) for count in counts]
            for side, count in zip((rows, before), bins, strict=True):
                count[-1] = side[c].isna().sum()
        now, was = ((side + 0.5) / (side + 0.5).sum() for side in bins)
        floor = drift.psi_noise_floor(len(before), max(len(rows), 1), n_bins=len(now))
        found["psi", c] = max(float(((now - was) * np.log(now / was)).sum()) - floor, 0.0)
    return found | late_gap(rows)


NOT_RARE = [c for c in flights.NUMERIC if c not in ("precip", "visib")]


def by_summary(rows, before):
    """Scores and data quality: mean and spread, share out of the usual range, repeated values, missing, new."""
    found = {
        ("mean", c): abs(rows[c].mean() - before[c].mean()) / before[c].std() for c in flights.NUMERIC if rows[c].notna().any()
    }
    found |= {
        ("spread", c): abs(np.log((rows[c].std() + 0.01) / (before[c].std() + 0.01))) for c in NOT_RARE if rows[c].count() > 9
    }
    found |= {
        ("outside", c): (~rows[c].dropna().between(*before[c].quantile([0.001, 0.999]))).mean()
        for c in flights.NUMERIC
        if rows[c].notna().any()
    }
    found |= {
        ("common", c): rows[c].value_counts(normalize=True).max()
        for c in ("temp", "humid", "wind_speed")
        if rows[c].notna().any()
    }
    found["score", "score"] = stats.ks_2samp(rows["late"], before["late"], method="asymp").statistic
    return found | missing_and_new(rows, before) | late_gap(rows)


def weeks_of(log, days, step):
    first, last = log["at"].min().normalize(), log["at"].max().normalize() + DAY
    return [first + i * DAY for i in range(days, (last - first).days + 1, step)]


def monitor(how=by_effect, *, days=7, step=3, room=1.35, least=0.02, rules=None, ask=window, skip=(), limit=np.max, trace=None):
    """A monitor of these parts."""

    def numbers(rows, before):
        return {key: float(value) for key, value in how(rows, before).items() if key[0] not in skip and key[1] not in skip}

    def learn(quiet):
        found = {}
        for now in weeks_of(quiet, days, step):
            here = (quiet["at"] >= now - days * DAY) & (quiet["at"] < now)
            for key, value in numbers(ask(quiet, now, days), quiet[~here]).items():
                found.setdefault(key, []).append(value)
        return {"before": quiet, "limits": {key: max(float(limit(values)) * room, least) for key, values in found.items()}}

    def measure(log, now, baseline):
        found = numbers(ask(log, now, days), baseline["before"])
        series = {name(f"drift_{what}", column): value for (what, column), value in found.items()}
        series |= {name(f"limit_{what}", column): baseline["limits"].get((what, column), 1.0) for what, column in found}
        return series | {"monitor_rows": float(len(ask(log, now, days)))}

    def furthest(log, alert, baseline):
        now = pd.Timestamp(alert["time"], unit="s", tz="UTC")
        found = numbers(ask(log, now, days), baseline["before"])
        what, column = max(found, key=lambda key: found[key] / baseline["limits"].get(key, 1.0))
        rows = log[(log["at"] < now) & (log["at"] >= now - DAY)]
        return {"column": column, "rows": rows}

    whats = ("effect", "psi", "mean", "spread", "outside", "common", "score", "missing", "new", "gap")
    return {"learn": learn, "measure": measure, "rules": rules or rules_for(whats), "trace": trace or furthest}


def rules_for(whats, wait="1d", **spoiled):
    rules = []
    for what in whats:
        rule = {
            "alert": f"Drift_{what}",
            "expr": f"drift_{what} > limit_{what}",
            "for": wait,
            "labels": {"severity": "ticket"},
            "annotations": {
                "summary": "{{ $labels.column }} left its quiet range: {{ $value }}",
                "runbook_url": "runbooks/drift.md",
            },
        }
        rule.update(spoiled)
        rules.append({key: value for key, value in rule.items() if value is not None})
    return {"groups": [{"name": "drift", "rules": rules}]}


# --- really different right ones ------------------------------------------------------------------------------------------------

EFFECT = {}
PERSISTENT = {"room": 1.2, "rules": rules_for(("effect", "missing", "new", "gap"), "2d")}
PSI = {"how": by_psi, "room": 1.5, "least": 0.05}
SUMMARY = {"how": by_summary, "room": 1.7, "least": 0.03}
RIGHT = [EFFECT, PERSISTENT, PSI, SUMMARY]

# --- and wrong ones -------------------------------------------------------------------------------------------------------------


def ahead(log, now, days=7):
    return window(log, now + 3 * DAY, days)


def outcomes_ahead(log, now, days=7):
    return log[(log["at"] < now) & (log["at"] >= now - days * DAY)]


def the_whole_log(log, now, days=7):
    return log


def by_numbers(rows, before):
    return {key: value for key, value in by_effect(rows, before).items() if key[1] not in flights.CATEGORICAL}


def by_p(rows, before):
    return {
        ("effect", c): 1 - stats.ks_2samp(rows[c].dropna(), before[c].dropna(), method="asymp").pvalue
        for c in flights.NUMERIC
        if rows[c].notna().any()
    }


def fixed(limits, how=by_effect, **more):
    """Limits by a rule of thumb."""
    made = monitor(how, **more)

    def learn(quiet):
        return {
            "before": quiet,
            "limits": {(what, c): value for what, value in limits.items() for c in (*flights.FEATURES, "late", "score")},
        }

    return made | {"learn": learn}


def of_april(quiet):
    """April's flights as if they were quiet, and the log."""
    from helpers.course.bank import drifting

    table = flights.load(4)
    table = table[table["day"] <= 28].sample(2800, random_state=0).sort_index().reset_index(drop=True)
    return drifting.as_log(table, table["scheduled_departure"].dt.tz_convert("UTC").dt.normalize())


def tuned_on_april(**kind):
    made = monitor(**kind)
    return made | {"learn": lambda quiet: made["learn"](of_april(quiet))}


def on_a_date(log, now, baseline):
    return {'drift_effect{column="temp"}': float(now >= pd.Timestamp("2013-04-08", tz="UTC")), 'limit_effect{column="temp"}': 0.5}


def on_a_day(log, now, baseline):
    return {
        'drift_effect{column="temp"}': float(now >= log["at"].min().normalize() + 11 * DAY),
        'limit_effect{column="temp"}': 0.5,
    }


def rows_of(choose, column=None):
    made = monitor()

    def trace(log, alert, baseline):
        found = made["trace"](log, alert, baseline)
        return {"column": column or found["column"], "rows": choose(log, found["rows"])}

    return trace


ALWAYS = rules_for(("any",), expr="monitor_rows > 0")
NEVER = rules_for(("any",), expr="monitor_rows < 0")


def three(**kind):
    return {part: value for part, value in monitor(**kind).items() if part != "trace"}


def two(**kind):
    return {part: monitor(**kind)[part] for part in ("learn", "measure")}


def spoil(made, **parts):
    return made | parts


def as_file(folder):
    path = folder / "alerts.yml"
    path.write_text(yaml.safe_dump(monitor()["rules"]), encoding="utf-8")
    return three() | {"rules": Path(path)}


WHATS = ("effect", "missing", "new", "gap")
SUMMARY_ONLY = {"summary": "Look at {{ $labels.column }}"}

ANSWERS = {
    "50.1": Answers(right=[log_days, log_flight_by_flight, log_in_columns], wrong=LOGS_WRONG),
    "50.2": Answers(
        right=[two(**kind) for kind in RIGHT],
        wrong=[
            Wrong(two(ask=ahead), "looks into the future", "at < now"),
            Wrong(two(ask=outcomes_ahead), "looks into the future", "outcome_at < now"),
            Wrong(two(ask=the_whole_log), "looks into the future"),
            Wrong(two(how=by_numbers), "only numeric columns", "carrier"),
            Wrong(two(skip=("missing",)), "ignores missing values", "humid"),
            Wrong(two(skip=("missing", "gap")), "ignores missing values"),
            Wrong(two(skip=("gap",)), "never looks at outcomes", "85%"),
            Wrong(two(how=by_p), None, "m/s"),
            Wrong(two() | {"measure": lambda log, now, baseline: {"drift": 0.1}}, None, "m/s"),
            Wrong(two() | {"measure": lambda log, now, baseline: {}}, None, "no numbers"),
            Wrong(two() | {"measure": lambda log, now, baseline: {"drift of temp": 0.1}}, None, "name of Prometheus"),
            Wrong(two() | {"measure": lambda log, now, baseline: [0.1]}),
            Wrong({"learn": two()["learn"]}, None, "measure"),
            Wrong((two()["learn"], two()["measure"]), None, "dict"),
        ],
        costly=True,
    ),
    "50.3": Answers(
        right=[
            three(),
            three(**PERSISTENT),
            three(**PSI),
            spoil(three(), rules=yaml.safe_dump(monitor()["rules"])),
            Made(as_file),
        ],
        wrong=[
            Wrong(three(rules=rules_for(WHATS, None)), "no for", "odd day"),
            Wrong(three(rules=rules_for(WHATS, "0s")), "no for"),
            Wrong(three(rules=rules_for(WHATS, labels={"team": "models"})), "no severity"),
            Wrong(three(rules=rules_for(WHATS, annotations=SUMMARY_ONLY)), "no runbook"),
            Wrong(three(rules=rules_for(WHATS, annotations=SUMMARY_ONLY | {"runbook_url": "ask Ana"})), "no runbook"),
            Wrong(three(rules=rules_for(WHATS, annotations={"runbook_url": "runbooks/drift.md"})), None, "summary"),
            Wrong(three(rules=ALWAYS), "always rings"),
            Wrong(three(rules=NEVER), "never rings", "New category"),
            Wrong(three(rules=rules_for(("nothing",))), "never rings"),
            Wrong(three(rules=rules_for(WHATS, "60d")), "never rings"),
            Wrong(three(rules={"groups": []}), None, "no alert"),
            Wrong(three(rules=rules_for(WHATS, expr="drift_effect >")), None, "cannot be evaluated"),
            Wrong(three(rules=rules_for(WHATS, expr="0.3")), None, "cannot be evaluated"),
            Wrong(spoil(three(), rules="nowhere/alerts.yml"), None, "cannot be read"),
        ],
        costly=True,
    ),
    "50.4": Answers(
        right=[monitor(**kind) for kind in RIGHT],
        wrong=[
            Wrong(fixed({"effect": 0.95}, by_p, days=1, rules=rules_for(("effect",), "0s")), "not calibrated", "quiet"),
            Wrong(fixed({"psi": 0.2, "gap": 0.15}, by_psi), "not calibrated", "quiet"),
            Wrong(monitor(limit=np.median, room=1.0), "not calibrated"),
            Wrong(monitor(rules=ALWAYS), "not calibrated"),
            Wrong(monitor(rules=NEVER), "never rings"),
            Wrong(monitor(room=1e6), None, "Missed"),
            Wrong(monitor(by_numbers), "only numeric columns"),
            Wrong(monitor(skip=("missing",)), "ignores missing values", "Missing values"),
            Wrong(monitor(room=2.5), None, "Missed"),
            Wrong(monitor(ask=ahead), "looks into the future"),
            Wrong(monitor(ask=outcomes_ahead), "looks into the future"),
            Wrong(spoil(monitor(), measure=on_a_date), "not calibrated"),
            Wrong(spoil(monitor(), measure=on_a_day), "not calibrated"),
            Wrong(tuned_on_april(), "not calibrated"),
            Wrong(spoil(monitor(), trace=rows_of(lambda log, rows: rows, "weekday")), "names another column"),
            Wrong(spoil(monitor(), trace=rows_of(lambda log, rows: log.head(200))), "rows of another time"),
            Wrong(spoil(monitor(), trace=rows_of(lambda log, rows: rows.head(3))), "rows of another time", "3 rows"),
            Wrong(spoil(monitor(), trace=lambda log, alert, baseline: "temp"), "names another column"),
            Wrong(three(), None, "trace"),
        ],
        costly=True,
    ),
}
