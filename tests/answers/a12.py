"""Answers to the questions of 12, the ML lifecycle."""

import http
import json
import math
import sys
from typing import Annotated

import numpy as np
import pandas as pd
import pydantic
from sklearn.model_selection import KFold, TimeSeriesSplit

from helpers import flights, modeling
from tests.answers import Answers, Made, Wrong

# --- 12.1 ---------------------------------------------------------------------------------------------------------------


def splits_by_mask(departures, starts, gap):
    folds = []
    for place, start in enumerate(starts):
        in_window = departures >= start
        if place + 1 < len(starts):
            in_window &= departures < starts[place + 1]
        folds.append((np.flatnonzero(departures <= start - gap), np.flatnonzero(in_window)))
    return folds


def splits_by_loop(departures, starts, gap):
    folds = []
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        train, validate = [], []
        for position, departure in enumerate(departures):
            if departure <= start - gap:
                train.append(position)
            elif departure >= start and (end is None or departure < end):
                validate.append(position)
        folds.append([train, validate])
    return folds


def splits_by_search(departures, starts, gap):
    order = np.argsort(departures.to_numpy(), kind="stable")
    ordered = departures.iloc[order].reset_index(drop=True)
    for place, start in enumerate(starts):
        last = ordered.searchsorted(start - gap, side="right")
        first = ordered.searchsorted(start)
        end = ordered.searchsorted(starts[place + 1]) if place + 1 < len(starts) else len(ordered)
        yield order[:last], order[first:end]


def splits_by_index(departures, starts, gap):
    at = pd.Series(range(len(departures)), index=pd.DatetimeIndex(departures)).sort_index()
    ends = [pd.Timestamp(start) - pd.Timedelta("1us") for start in starts[1:]] + [departures.max()]
    return [(at.loc[: start - gap], at.loc[start:end]) for start, end in zip(starts, ends, strict=True)]


def splits_no_gap(departures, starts, gap):
    return splits_by_mask(departures, starts, pd.Timedelta("1us"))


def splits_strict(departures, starts, gap):
    return splits_by_mask(departures, starts, gap + pd.Timedelta("1us"))


def splits_moved(departures, starts, gap):
    return [
        (np.flatnonzero(departures < start), np.flatnonzero((departures >= start + gap) & (departures < end)))
        for start, end in zip(starts, [*starts[1:], pd.Timestamp.max.tz_localize("UTC")], strict=True)
    ]


def splits_sliding(departures, starts, gap):
    folds = splits_by_mask(departures, starts, gap)
    return [
        (train if not place else [i for i in train if departures.iloc[i] >= starts[place - 1]], validate)
        for place, (train, validate) in enumerate(folds)
    ]


def splits_of_sorted(departures, starts, gap):
    return splits_by_mask(departures.sort_values(), starts, gap)


def splits_overlapping(departures, starts, gap):
    ends = [*starts[1:], departures.max()]
    return [
        (np.flatnonzero(departures <= start - gap), np.flatnonzero(departures.between(start, end)))
        for start, end in zip(starts, ends, strict=True)
    ]


def splits_as_masks(departures, starts, gap):
    ends = [*starts[1:], departures.max() + gap]
    return [
        (departures <= start - gap, (departures >= start) & (departures < end)) for start, end in zip(starts, ends, strict=True)
    ]


def splits_as_labels(departures, starts, gap):
    index = departures.index
    return [(index[train], index[validate]) for train, validate in splits_by_mask(departures, starts, gap)]


def splits_random(departures, starts, gap):
    return list(KFold(len(starts), shuffle=True, random_state=0).split(departures))


def splits_by_row(departures, starts, gap):
    return list(TimeSeriesSplit(len(starts)).split(departures))


def splits_all_others(departures, starts, gap):
    n = len(departures)
    return [(np.setdiff1d(np.arange(n), validate), validate) for _, validate in splits_by_mask(departures, starts, gap)]


def splits_last_forgotten(departures, starts, gap):
    return splits_by_mask(departures, starts, gap)[:-1]


def splits_endless(departures, starts, gap):
    return [(np.flatnonzero(departures <= start - gap), np.flatnonzero(departures >= start)) for start in starts]


def splits_fixed_gap(departures, starts, gap):
    return splits_by_mask(departures, starts, pd.Timedelta(hours=24))


def splits_swapped(departures, starts, gap):
    return [(validate, train) for train, validate in splits_by_mask(departures, starts, gap)]


def splits_as_frames(departures, starts, gap):
    return {
        start.isoformat(): len(validate)
        for start, (_, validate) in zip(starts, splits_by_mask(departures, starts, gap), strict=True)
    }


def splits_twice(departures, starts, gap):
    return [([*train, *train], validate) for train, validate in splits_by_mask(departures, starts, gap)]


# --- 12.2 ---------------------------------------------------------------------------------------------------------------


def share_by_mask(flights, window, lead):
    shares = []
    for _, flight in flights.iterrows():
        moment = flight["departure"] - lead
        landed = flights["landed"]
        seen = (flights["origin"] == flight["origin"]) & (landed <= moment) & (landed > moment - window)
        shares.append(flights.loc[seen, "late"].mean() if seen.any() else None)
    return shares


def share_by_numpy(flights, window, lead):
    moment = (flights["departure"] - lead).to_numpy()[:, None]
    landed, origin = flights["landed"].to_numpy()[None, :], flights["origin"].to_numpy()
    seen = (landed <= moment) & (landed > moment - window) & (origin[:, None] == origin[None, :])
    late = flights["late"].fillna(False).to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        return (seen * late).sum(axis=1) / seen.sum(axis=1)


def share_by_rolling(flights, window, lead):
    found = pd.Series(np.nan, index=flights.index)
    known = flights.dropna(subset=["landed"]).sort_values("landed")
    for origin, group in flights.groupby("origin"):
        of_origin = known[known["origin"] == origin]
        late = np.r_[0, of_origin["late"].astype(int).cumsum()]
        moment = group["departure"] - lead
        last = of_origin["landed"].searchsorted(moment, side="right")
        first = of_origin["landed"].searchsorted(moment - window, side="right")
        n = last - first
        found[group.index] = np.where(n > 0, (late[last] - late[first]) / np.maximum(n, 1), np.nan)
    return found


def share_by_merge(flights, window, lead):
    ours = flights.reset_index(names="flight").assign(moment=flights["departure"].to_numpy() - lead)
    pairs = ours.merge(flights, on="origin", suffixes=("", "_other"))
    pairs = pairs[(pairs["landed_other"] <= pairs["moment"]) & (pairs["landed_other"] > pairs["moment"] - window)]
    return pairs.groupby("flight")["late_other"].apply(lambda late: float(late.mean())).reindex(flights.index)


def _share(flights, window, lead, seen):
    found = []
    for _, flight in flights.iterrows():
        mask = seen(flights, flight, flight["departure"] - lead, window)
        found.append(flights.loc[mask, "late"].mean() if mask.any() else None)
    return found


def same(flights, flight):
    return flights["origin"] == flight["origin"]


def share_by_departure(flights, window, lead):
    return _share(flights, window, lead, lambda table, flight, moment, window: same(table, flight) & table["landed"].notna()
                  & (table["departure"] <= moment) & (table["departure"] > moment - window))  # fmt: skip


def share_no_lead(flights, window, lead):
    return share_by_mask(flights, window, pd.Timedelta(0))


def share_whole_day(flights, window, lead):
    return _share(flights, window, lead, lambda table, flight, moment, window: same(table, flight) & table["landed"].notna())


def share_group_mean(flights, window, lead):
    late = flights["late"].astype("Float64")
    return late.groupby(flights["origin"]).transform("mean")


def share_ever(flights, window, lead):
    return share_by_mask(flights, pd.Timedelta(days=400), lead)


def share_anywhere(flights, window, lead):
    return share_by_mask(flights.assign(origin="NYC"), window, lead)


def share_open(flights, window, lead):
    return _share(flights, window, lead, lambda table, flight, moment, window: same(table, flight)
                  & (table["landed"] < moment) & (table["landed"] > moment - window))  # fmt: skip


def share_zero(flights, window, lead):
    return [share or 0.0 for share in share_by_mask(flights, window, lead)]


def share_in_time(flights, window, lead):
    return [None if share is None else 1 - share for share in share_by_mask(flights, window, lead)]


def share_count(flights, window, lead):
    return (share_by_numpy(flights, window, lead) > 0).astype(int)


def share_sorted(flights, window, lead):
    return share_by_mask(flights.sort_values("departure"), window, lead)


def share_dropped(flights, window, lead):
    return [share for share in share_by_mask(flights, window, lead) if share is not None]


def share_one_number(flights, window, lead):
    return float(flights["late"].mean())


def share_never_late(flights, window, lead):
    return share_by_mask(flights.assign(late=False), window, lead)


def share_as_text(flights, window, lead):
    return [str(share) for share in share_by_mask(flights, window, lead)]


# --- 12.3 ---------------------------------------------------------------------------------------------------------------


def step_by_list(weekly, limit, patience, minimum):
    known = [week for week in weekly if week["late"] is not None and week["flights"] >= minimum]
    over = [abs(week["late"] - week["promised"]) > limit for week in known]
    if len(over) >= patience and all(over[-patience:]):
        return "retrain"
    if not weekly or weekly[-1] not in known:
        return "look"
    return "wait"


def step_by_loop(weekly, limit, patience, minimum):
    run, newest = 0, "look"
    for week in weekly:
        if week["late"] is None or week["flights"] < minimum:
            newest = "look"
            continue
        newest = "wait"
        run = run + 1 if abs(week["late"] - week["promised"]) > limit else 0
    return "retrain" if run >= patience else newest


def step_by_table(weekly, limit, patience, minimum):
    table = pd.DataFrame(weekly, columns=["flights", "promised", "late"]).astype(float)
    gap = (table["late"] - table["promised"]).where(table["flights"] >= minimum).abs()
    newest = gap.dropna().tail(patience)
    if len(newest) == patience and (newest > limit).all():
        return "retrain"
    return "look" if gap.empty or np.isnan(gap.iloc[-1]) else "wait"


def step_backwards(weekly, limit, patience, minimum):
    def known(week):
        return week["late"] is not None and not week["flights"] < minimum

    run = 0
    for week in reversed(weekly):
        if known(week):
            if -limit <= week["late"] - week["promised"] <= limit:
                break
            run += 1
    return "retrain" if run >= patience else "wait" if weekly and known(weekly[-1]) else "look"


def _gap(week, unknown, minimum=500):
    return unknown if week["late"] is None or week["flights"] < minimum else abs(week["late"] - week["promised"])


def step_missing_fine(weekly, limit, patience, minimum):
    over = [_gap(week, 0, minimum) > limit for week in weekly]
    return "retrain" if len(over) >= patience and all(over[-patience:]) else "wait"


def step_missing_bad(weekly, limit, patience, minimum):
    over = [_gap(week, 9, minimum) > limit for week in weekly]
    return "retrain" if len(over) >= patience and all(over[-patience:]) else "wait"


def step_breaks(weekly, limit, patience, minimum):
    newest = [_gap(week, None, minimum) for week in weekly[-patience:]]
    if len(newest) == patience and all(gap is not None and gap > limit for gap in newest):
        return "retrain"
    return "look" if not newest or newest[-1] is None else "wait"


def step_asleep(weekly, limit, patience, minimum):
    return "retrain" if step_by_list(weekly, limit, patience, minimum) == "retrain" else "wait"


def step_look_first(weekly, limit, patience, minimum):
    if not weekly or _gap(weekly[-1], None, minimum) is None:
        return "look"
    return step_by_list(weekly, limit, patience, minimum)


def step_total(weekly, limit, patience, minimum):
    if sum(_gap(week, 0, minimum) > limit for week in weekly) >= patience:
        return "retrain"
    return step_by_list(weekly, limit, patience, minimum)


def step_long_ago(weekly, limit, patience, minimum):
    steps = [step_by_list(weekly[: end + 1], limit, patience, minimum) for end in range(len(weekly))]
    return "retrain" if "retrain" in steps else steps[-1] if steps else "look"


def step_at_least(weekly, limit, patience, minimum):
    return step_by_list(weekly, limit - 1e-9, patience, minimum)


def step_one_sided(weekly, limit, patience, minimum):
    mended = [week | {"late": week["late"] and max(week["late"], week["promised"])} for week in weekly]
    return step_by_list(mended, limit, patience, minimum)


def step_few(weekly, limit, patience, minimum):
    return step_by_list(weekly, limit, patience, 0)


def step_yes_or_no(weekly, limit, patience, minimum):
    return step_by_list(weekly, limit, patience, minimum) == "retrain"


def step_impatient(weekly, limit, patience, minimum):
    return step_by_list(weekly, limit, 1, minimum)


def step_other_limit(weekly, limit, patience, minimum):
    return step_by_list(weekly, 0.2, patience, minimum)


def step_capital(weekly, limit, patience, minimum):
    return step_by_list(weekly, limit, patience, minimum).upper()


def step_one_known_is_enough(weekly, limit, patience, minimum):
    known = [week for week in weekly if week["late"] is not None and week["flights"] >= minimum]
    if known and all(abs(week["late"] - week["promised"]) > limit for week in known[-patience:]):
        return "retrain"
    return step_by_list(weekly, limit, patience, minimum)


# --- 12.4 ---------------------------------------------------------------------------------------------------------------


def fits(name, value):
    if name in flights.CATEGORICAL:
        return isinstance(value, str)
    if value is None:
        return name in flights.WEATHER
    return isinstance(value, float) and math.isfinite(value)


def forecast(model, flight):
    return float(modeling.probability_late(model, pd.DataFrame([flight], dtype=object))[0])


def refuse(names):
    return 400, {"error": f"absent or not as expected: {', '.join(names)}"}


def parsed(body):
    """The flight, or None where there is none; all numbers are floats."""
    try:
        flight = json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return flight if isinstance(flight, dict) else None


NO_FLIGHT = 400, {"error": "the body is no JSON object"}


def reply_by_list(model, body):
    flight = parsed(body)
    if flight is None:
        return NO_FLIGHT
    wrong = [name for name in flights.FEATURES if name not in flight or not fits(name, flight[name])]
    return refuse(wrong) if wrong else (200, {"late": forecast(model, flight)})


def reply_by_sentences(model, body):
    try:
        flight = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        return 400, {"error": "The bytes are not UTF-8, so they are no JSON."}
    except json.JSONDecodeError as error:
        return 400, {"error": f"This is not JSON: {error}"}
    except RecursionError:
        return 400, {"error": "too deep"}
    if type(flight) is not dict:
        return 400, {"error": f"A JSON object is expected, not a {type(flight).__name__}."}
    told = []
    for name in flights.FEATURES:
        if name not in flight:
            told.append(f"{name} is absent.")
        elif flight[name] is None:
            if name not in flights.WEATHER:
                told.append(f"{name} may not be null.")
        elif name in flights.CATEGORICAL:
            if type(flight[name]) is not str:
                told.append(f"{name} should be text.")
        elif type(flight[name]) not in (int, float):
            told.append(f"{name} should be a number, not {type(flight[name]).__name__}.")
        elif not abs(flight[name]) <= sys.float_info.max:
            told.append(f"{name} is not finite.")
    if told:
        return http.HTTPStatus.BAD_REQUEST, {"error": " ".join(told)}
    row = [[np.nan if flight[name] is None else flight[name] for name in flights.FEATURES]]
    return http.HTTPStatus.OK, {"late": model.predict_proba(pd.DataFrame(row, columns=flights.FEATURES))[0, 1]}


Number = Annotated[float, pydantic.Field(strict=True, allow_inf_nan=False)]
Text = Annotated[str, pydantic.Field(strict=True)]
TYPES = dict.fromkeys(flights.WEATHER, Number | None) | dict.fromkeys(flights.CATEGORICAL, Text)
Flight = pydantic.create_model("Flight", departure_minute=Number, distance=Number, **TYPES)


def reply_by_pydantic(model, body):
    try:
        flight = Flight.model_validate(json.loads(body, parse_int=float))
    except pydantic.ValidationError as error:
        places = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
        return 400, {"error": f"wrong: {' '.join(sorted(places))}" if places else "an object is wanted"}
    except (ValueError, RecursionError) as error:
        return 400, {"error": f"json.loads says {error}"}
    table = pd.DataFrame([flight.model_dump()])
    return 200, {"late": modeling.probability_late(model, table).tolist()[0]}


class Refused(Exception):
    pass


def reply_by_exception(model, body):
    def take(flight, name):
        value = flight[name]
        if name in flights.CATEGORICAL:
            return value + ""
        if value is None and name in flights.WEATHER:
            return math.nan
        if isinstance(value, (bool, str)) or not math.isfinite(value):
            raise ValueError(value)
        return float(value)

    def read():
        try:
            flight = json.loads(body)
        except Exception as error:
            raise Refused("no JSON") from error
        if not isinstance(flight, dict):
            raise Refused("no object")
        row, wrong = {}, set()
        for name in flights.FEATURES:
            try:
                row[name] = [take(flight, name)]
            except (KeyError, TypeError, ValueError, OverflowError):
                wrong.add(name)
        if wrong:
            raise Refused(f"Look at {wrong}.")
        return row

    try:
        return [200, {"late": float(model.predict_proba(pd.DataFrame(read())).max(axis=0)[1])}]
    except Refused as error:
        return [400, {"error": str(error)}]


def reply_as_in_the_lesson(model, body):
    flight = json.loads(body)
    absent = sorted(set(flights.FEATURES) - set(flight))
    if absent:
        return 400, {"error": f"the flight lacks {absent}"}
    return 200, {"late": modeling.probability_late(model, pd.DataFrame([flight]))[0]}


def reply_no_recursion(model, body):
    json.loads(body) if body.startswith(b"[[") else None
    return reply_by_list(model, body)


def reply_isfinite(model, body):
    flight = parsed(body)
    if flight is not None:
        math.isfinite(json.loads(body).get("distance") or 0)
        math.isfinite(json.loads(body).get("departure_minute") or 0)
    return reply_by_list(model, body)


def changed(refusal=lambda status, content: (status, content), answer=lambda status, content: (status, content)):
    """The right reply, changed where it refuses or where it answers."""

    def reply(model, body):
        status, content = reply_by_list(model, body)
        return (answer if status == 200 else refusal)(status, content)

    return reply


reply_always_200 = changed(refusal=lambda status, content: (200, content))
reply_500 = changed(refusal=lambda status, content: (500, content))
reply_422 = changed(refusal=lambda status, content: (422, content))
reply_nameless = changed(refusal=lambda status, content: (400, {"error": "bad request: no JSON object as asked for"}))
reply_wordless = changed(refusal=lambda status, content: (400, {"error": content["error"].replace("JSON", "flight")}))
reply_all_names = changed(refusal=lambda status, content: (400, {"error": f"a JSON object with {flights.FEATURES} is wanted"}))
reply_first_name = changed(refusal=lambda status, content: (400, {"error": content["error"].partition(",")[0]}))
reply_error_as_list = changed(refusal=lambda status, content: (400, {"error": content["error"].split()}))
reply_other_key = changed(refusal=lambda status, content: (400, {"detail": content["error"]}))
reply_in_time = changed(answer=lambda status, content: (status, {"late": 1 - content["late"]}))
reply_rounded = changed(answer=lambda status, content: (status, {"late": round(content["late"], 3)}))
reply_float32 = changed(answer=lambda status, content: (status, {"late": np.float32(content["late"])}))
reply_as_array = changed(answer=lambda status, content: (status, {"late": np.array([content["late"]])}))
reply_as_list = changed(answer=lambda status, content: (status, {"late": [1 - content["late"], content["late"]]}))
reply_as_words = changed(answer=lambda status, content: (status, {"late": f"{content['late']:.2f}"}))
reply_probability = changed(answer=lambda status, content: (status, {"probability": content["late"]}))
reply_decided = changed(answer=lambda status, content: (status, {"late": content["late"] >= 0.25}))
reply_content_only = changed(answer=lambda status, content: content)
reply_written = changed(
    lambda status, content: (status, json.dumps(content)), lambda status, content: (status, json.dumps(content))
)
reply_swapped = changed(answer=lambda status, content: (content, status))
reply_sure = changed(answer=lambda status, content: (status, {"late": 0.75}))


def reply_class(model, body):
    status, content = reply_by_list(model, body)
    return (200, {"late": model.predict(pd.DataFrame([parsed(body)]))[0]}) if status == 200 else (status, content)


def ruled(fits, features=lambda flight: flights.FEATURES, mend=lambda flight: flight):
    """A reply that refuses by another rule than the right one."""

    def reply(model, body):
        flight = parsed(body)
        if flight is None:
            return NO_FLIGHT
        wrong = [name for name in features(flight) if not fits(flight, name)]
        return refuse(wrong) if wrong else (200, {"late": forecast(model, mend(flight))})

    return reply


def right(flight, name):
    return name in flight and fits(name, flight[name])


reply_no_null = ruled(lambda flight, name: right(flight, name) and flight[name] is not None)
reply_no_zero = ruled(lambda flight, name: right(flight, name) and (flight[name] or flight[name] is None))
reply_known_only = ruled(
    lambda flight, name: right(flight, name) and (name != "carrier" or flight[name] in ("UA", "B6", "EV", "DL"))
)
reply_no_extra = ruled(
    lambda flight, name: name in flights.FEATURES and right(flight, name), lambda flight: [*flights.FEATURES, *flight]
)
reply_any_null = ruled(lambda flight, name: name in flight and (flight[name] is None or right(flight, name)))
reply_get = ruled(lambda flight, name: fits(name, flight.get(name)), mend=lambda flight: dict.fromkeys(flights.FEATURES) | flight)


def number_by_float(flight, name):
    try:
        return right(flight, name) or (name in flights.NUMERIC and math.isfinite(float(flight[name])))
    except (KeyError, TypeError, ValueError):
        return False


reply_float = ruled(number_by_float)
reply_bool = ruled(lambda flight, name: right(flight, name) or (name in flights.NUMERIC and isinstance(flight.get(name), bool)))
reply_nan = ruled(lambda flight, name: right(flight, name) or isinstance(flight.get(name), float) and name in flights.NUMERIC)
reply_str = ruled(
    lambda flight, name: right(flight, name) or (name in flights.CATEGORICAL and flight.get(name) is not None),
    mend=lambda flight: flight | {name: str(flight[name]) for name in flights.CATEGORICAL},
)
reply_first_of_list = ruled(
    lambda flight, name: right(flight, name) or (name in flights.NUMERIC and isinstance(flight.get(name), list)),
    mend=lambda flight: {name: value[0] if isinstance(value, list) else value for name, value in flight.items()},
)


def filled(flight):
    return dict.fromkeys(flights.CATEGORICAL, "?") | dict.fromkeys(flights.NUMERIC) | flight


reply_filled = ruled(lambda flight, name: right(filled(flight), name), mend=filled)


def reply_no_carrier_needed(model, body):
    flight = parsed(body)
    if isinstance(flight, dict) and set(flight) & set(flights.WEATHER) and "distance" in flight:
        body = json.dumps(dict.fromkeys(flights.CATEGORICAL, "?") | {"departure_minute": 600.0} | flight)
    return reply_by_list(model, body)


def reply_list_too(model, body):
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return NO_FLIGHT
    return reply_by_list(model, json.dumps(found[0] if isinstance(found, list) and found else found).encode())


def reply_stages(model, body):
    """It looks at what is absent first, and only then at the rest."""
    flight = parsed(body) or {}
    absent = [name for name in flights.FEATURES if name not in flight]
    return refuse(absent) if absent and flight else reply_by_list(model, body)


def reply_catch_all(model, body):
    try:
        return 200, {"late": forecast(model, json.loads(body))}
    except Exception as error:
        return 400, {"error": str(error)}


ANSWERS = {
    "12.1": Answers(
        right=[splits_by_mask, splits_by_loop, splits_by_index, Made(lambda folder: splits_by_search)],  # it yields
        wrong=[
            Wrong(splits_no_gap, "no gap"),
            Wrong(splits_strict, "edge of the gap"),
            Wrong(splits_moved, "gap cut from validation"),
            Wrong(splits_sliding, "forgets"),
            Wrong(splits_of_sorted, "taken as sorted"),
            Wrong(splits_overlapping, "windows overlap"),
            Wrong(splits_as_masks, "mask"),
            Wrong(splits_as_labels, "labels"),
            Wrong(splits_random, "trains on the future"),
            Wrong(splits_by_row, "trains on the future"),
            Wrong(splits_all_others, "trains on the future"),
            Wrong(splits_last_forgotten, says="3 starts make 3 folds; yours gave 2"),
            Wrong(splits_endless, says="It should not"),
            Wrong(splits_fixed_gap),
            Wrong(splits_swapped, "trains on the future"),
            Wrong(splits_as_frames, says="a pair (train, validate)"),
            Wrong(splits_twice, says="twice"),
            Wrong([[0, 1], [2]]),
        ],
    ),
    "12.2": Answers(
        right=[share_by_mask, share_by_numpy, share_by_rolling, share_by_merge],
        wrong=[
            Wrong(share_by_departure, "still in the air"),
            Wrong(share_no_lead, "lead forgotten"),
            Wrong(share_whole_day, "the whole day"),
            Wrong(share_group_mean, "the whole day"),
            Wrong(share_ever, "all that ever landed"),
            Wrong(share_anywhere, "every airport"),
            Wrong(share_open, "edge of the moment"),
            Wrong(share_zero, "nothing landed is zero"),
            Wrong(share_in_time),
            Wrong(share_count),
            Wrong(share_sorted),
            Wrong(share_dropped, says="one share a flight"),
            Wrong(share_one_number, says="one share a flight"),
            Wrong(share_never_late),
            Wrong(share_as_text),
            Wrong([0.25]),
        ],
    ),
    "12.3": Answers(
        right=[step_by_list, step_by_loop, step_by_table, step_backwards],
        wrong=[
            Wrong(step_missing_fine, "missing is fine"),
            Wrong(step_missing_bad, "missing is bad"),
            Wrong(step_breaks, "unknown ends the run"),
            Wrong(step_asleep, "asleep"),
            Wrong(step_look_first, "looks instead of acting"),
            Wrong(step_total, "in total"),
            Wrong(step_long_ago, "long ago"),
            Wrong(step_at_least, "at least, not above"),
            Wrong(step_one_sided, "only too hopeful"),
            Wrong(step_few, "few flights count"),
            Wrong(step_yes_or_no, "yes or no"),
            Wrong(step_impatient),
            Wrong(step_other_limit),
            Wrong(step_capital, says="'LOOK'"),
            Wrong(step_one_known_is_enough),
            Wrong("retrain"),
        ],
    ),
    "12.4": Answers(
        right=[reply_by_list, reply_by_sentences, reply_by_pydantic, reply_by_exception],
        wrong=[
            Wrong(reply_as_in_the_lesson, "raises"),
            Wrong(reply_no_recursion, "raises"),
            Wrong(reply_isfinite, "raises"),
            Wrong(reply_always_200, "always 200"),
            Wrong(reply_500, "500 for a bad request"),
            Wrong(reply_422, says="422"),
            Wrong(reply_nameless, "error without the name"),
            Wrong(reply_wordless, "error without the word"),
            Wrong(reply_all_names, "names too much"),
            Wrong(reply_first_name, "not every name"),
            Wrong(reply_stages, "not every name"),
            Wrong(reply_error_as_list, says="should be a text"),
            Wrong(reply_other_key, says="'detail'"),
            Wrong(reply_in_time, "column 0"),
            Wrong(reply_rounded, "rounded"),
            Wrong(reply_float32, "not plain"),
            Wrong(reply_as_array, "no single number"),
            Wrong(reply_as_list, "no single number"),
            Wrong(reply_as_words, "no single number"),
            Wrong(reply_probability, says="'probability'"),
            Wrong(reply_class, "class, not probability"),
            Wrong(reply_decided, "class, not probability"),
            Wrong(reply_content_only, "no pair"),
            Wrong(reply_written, "no pair"),
            Wrong(reply_swapped, "no pair"),
            Wrong(reply_sure),
            Wrong(reply_no_null, "null refused"),
            Wrong(reply_no_zero, "zero refused"),
            Wrong(reply_known_only, "unknown refused"),
            Wrong(reply_no_extra, "extra refused"),
            Wrong(reply_any_null, "null taken"),
            Wrong(reply_get, "absent weather taken"),
            Wrong(reply_no_carrier_needed, "absent taken"),
            Wrong(reply_float, "text taken"),
            Wrong(reply_bool, "true taken"),
            Wrong(reply_nan, "NaN taken"),
            Wrong(reply_str, "number taken"),
            Wrong(reply_first_of_list, "list taken"),
            Wrong(reply_filled, "absent taken"),
            Wrong(reply_list_too, "a list taken"),
            Wrong(reply_catch_all, "error without the word"),
            Wrong((200, {"late": 0.25})),
        ],
    ),
}
