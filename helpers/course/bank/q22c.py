"""The questions of 22c, TensorBoard. Probes let the learner's code write event files and read them back."""

import contextlib
import math
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from helpers import readback
from helpers.course.verdict import Question, not_yet, passed

TRAIN, VALIDATION = "loss/train", "loss/validation"
ROOT = "."  # the run that the answer should write to, among those below it


@contextlib.contextmanager
def counted():
    """Note each writer that is opened in the block, and whether it was left open; close those, so that they can be read."""
    from tensorboardX.event_file_writer import EventFileWriter

    writers, found, begin = [], {"opened": 0, "left_open": 0}, EventFileWriter.__init__

    def noted(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        writers.append(self)

    with mock.patch.object(EventFileWriter, "__init__", noted):
        try:
            yield found
        finally:
            still = [writer for writer in writers if not writer._closed]
            found |= {"opened": len(writers), "left_open": len(still)}
            for writer in still:
                writer.close()


def runs_below(folder):
    return sorted({path.parent for path in folder.rglob("*.tfevents.*")})


# --- 22c.1: curves by epoch ---------------------------------------------------------------------------------------------


def trainings(rng):
    """Two trainings: losses after each epoch; validation did not run after the epochs with None."""
    cases = []
    for n_epochs in rng.permutation([5, 7]).tolist():
        train = np.sort(rng.uniform(0.3, 0.5, n_epochs))[::-1].tolist()
        val = rng.uniform(0.5, 0.7, n_epochs).tolist()
        for skipped in rng.choice(np.arange(1, n_epochs - 1), 2, replace=False):
            val[int(skipped)] = None
        cases.append((train, val))
    return cases


def probe_log(answer, rng):
    return [_logged(answer, train, val) for train, val in trainings(rng)]


def _logged(answer, train, val):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        folder = Path(top) / "run"
        with counted() as found:
            answer(str(folder), list(train), list(val))
        runs = {str(run.relative_to(folder).as_posix()): _points(run) for run in runs_below(folder)}
        return {**found, "runs": {run: points for run, points in runs.items() if points}, "elsewhere": _elsewhere(top, folder)}


def _elsewhere(top, folder):
    return len(runs_below(Path(top))) - len(runs_below(folder))


def _points(run):
    history = readback.read_tensorboard(run).history
    return {metric: rows[["step", "value"]].astype(object).to_numpy().tolist() for metric, rows in history.groupby("metric")}


def curves(train, val, *, first=1, stepless=False, swapped=False, measurements=False):
    """The oracle: what should be in the files. Each keyword is a twist behind a misconception."""
    numbered = {name: list(enumerate(losses, first)) for name, losses in ((TRAIN, train), (VALIDATION, val))}
    points = {name: [[step, loss] for step, loss in rows if loss is not None] for name, rows in numbered.items()}
    if measurements:
        points[VALIDATION] = [[step, loss] for step, (_, loss) in enumerate(points[VALIDATION], first)]
    if stepless:
        points = {name: [[0, loss] for _, loss in rows] for name, rows in points.items()}
    return {TRAIN: points[VALIDATION], VALIDATION: points[TRAIN]} if swapped else points


LOG_MISCONCEPTIONS = {
    "no steps": (
        dict(stepless=True),
        "Every loss was logged at step 0, so there is no curve. The epoch is add_scalar's third argument.",
    ),
    "counts from zero": (dict(first=0), "The first loss belongs to epoch 1; yours starts at step 0."),
    "swapped": (dict(swapped=True), f"The curves are exchanged: {TRAIN} holds the validation losses."),
    "counts measurements": (
        dict(measurements=True),
        "Where validation did not run, the epoch still counts: a later validation loss keeps the number of its own epoch. "
        "Yours moved to the left.",
    ),
}


def judge_log(evidence, rng):
    cases = trainings(rng)
    for trouble in (_misplaced, _left_open):
        for case in evidence:
            if told := trouble(case):
                return told
    got = [case["runs"].get(ROOT, {}) for case in evidence]
    wanted = [curves(*case) for case in cases]
    if all(map(_same_curves, got, wanted)):
        return passed()
    if any(case["opened"] > 1 for case in evidence):
        return not_yet(
            f"Your function opened {evidence[0]['opened']} writers for one run, and points were lost: files that are begun in "
            "the same second have the same name, and the later wipes out the earlier. Open one, around the loop.",
            "a file a value",
        )
    for name, (twist, message) in LOG_MISCONCEPTIONS.items():
        if all(_same_curves(points, curves(*case, **twist)) for points, case in zip(got, cases, strict=True)):
            return not_yet(message, name)
    return _first_fault(cases, got, wanted)


def _misplaced(case):
    if not case["runs"]:
        where = "The events went to another folder than the one given." if case["elsewhere"] or case["opened"] else ""
        return not_yet(f"No loss is in the folder after your function was called. {where}".strip(), "not in the folder")
    if ROOT not in case["runs"]:
        runs = ", ".join(case["runs"])
        return not_yet(
            f"The losses lie in folders below the one given ({runs}), and each folder is a run of its own. Both curves belong "
            "to one run: one writer on the folder, two tags, add_scalar for each.",
            "a run a curve",
        )
    return None


def _left_open(case):
    if not case["left_open"]:
        return None
    return not_yet(
        "The writer was still open after your function returned: what it had not yet brought to disk is lost if the process "
        "dies. Close it, or better: use `with`, which also closes it when something fails.",
        "left open",
    )


def _first_fault(cases, got, wanted):
    for (_, val), points, want in zip(cases, got, wanted, strict=True):
        for name, rows in want.items():
            if name not in points:
                return not_yet(f"There is no curve {name!r} in the run; there is {', '.join(points) or 'nothing'}.", "other tags")
            skipped = {step for step, loss in enumerate(val, 1) if loss is None} if name == VALIDATION else set()
            if skipped & {row[0] for row in points[name]} and _same_rows([r for r in points[name] if r[0] not in skipped], rows):
                return not_yet(
                    "Where validation did not run there is nothing to log, neither a zero nor a NaN nor the loss before; "
                    f"yours has a point at epoch {min(skipped)}.",
                    "gaps filled",
                )
            if not _same_rows(points[name], rows):
                return not_yet(f"{name} should be, as [epoch, loss], {_short(rows)}; yours is {_short(points[name])}.")
    return not_yet("The curves in the folder differ from the losses given.")


def _short(rows):
    return str([[step, round(value, 3)] for step, value in rows[:5]]) + (" …" if len(rows) > 5 else "")


def _same_curves(points, wanted):
    """More than what is wanted may be there."""
    return all(_same_rows(points.get(name, []), rows) for name, rows in wanted.items())


def _same_rows(rows, wanted):
    return len(rows) == len(wanted) and all(
        step == s and math.isclose(value, v, rel_tol=1e-6) for (step, value), (s, v) in zip(rows, wanted, strict=True)
    )


# --- 22c.2: early stopping ----------------------------------------------------------------------------------------------

LOSSES = [0.30, 0.34, 0.38, 0.42, 0.46, 0.50, math.nan]


def histories(rng):
    """Validation losses with ties and gaps, their epochs, and a patience."""
    cases = [([], 2), ([math.nan] * 3, 2), ([math.nan, math.nan, 0.3, 0.2], 2), ([0.6, 0.5, 0.5, 0.52, 0.4], 3)]
    cases += [([0.5, 0.46, 0.5, 0.42, 0.5, 0.38], 2), ([0.3, 0.5, 0.46, 0.42, 0.2], 3), ([0.4, 0.5, 0.5, 0.3], 2)]
    for _ in range(60):
        n = int(rng.integers(1, 11))
        weights = [0.15] * 6 + [0.1]
        cases.append((rng.choice(LOSSES, n, p=weights).tolist(), int(rng.integers(1, 5))))
    return [(losses, _epochs(len(losses), int(rng.integers(1, 4))), patience) for losses, patience in cases]


def _epochs(n, every):
    return [every * (place + 1) for place in range(n)]


def history(losses, epochs):
    """As `RunRecord.history`; the training losses fall without an end."""
    n = max(epochs, default=0)
    steps, values = [*range(1, n + 1), *epochs], [*np.linspace(0.6, 0.2, n).tolist(), *losses]
    metric = pd.Series([TRAIN] * n + [VALIDATION] * len(losses), dtype="str")
    return pd.DataFrame({"metric": metric, "step": np.array(steps, dtype="int64"), "value": np.array(values, dtype="float64")})


def probe_best(answer, rng):
    returned = [answer(history(losses, epochs), patience) for losses, epochs, patience in histories(rng)]
    return {"best": [_number(value) for value in returned]}


def _number(value):
    if value is None or isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return value
    return f"a {type(value).__name__}"


def kept(losses, epochs, patience, *, ties=False, previous=False, total=False, extra=0, stop=False, forever=False, place=False):
    """The oracle, by arrays. Each keyword is a twist behind a misconception."""
    values = np.nan_to_num(np.array(losses, dtype=float), nan=np.inf)
    before = np.concatenate([[np.inf], values[:-1] if previous else np.minimum.accumulate(values)[:-1]])[: len(values)]
    improves = np.isfinite(values) & ((values <= before) if ties else (values < before))
    quiet = np.array([not improves[max(0, i + 1 - patience - extra) : i + 1].any() for i in range(len(values))], dtype=bool)
    quiet &= np.arange(len(values)) + 1 >= patience + extra
    if total:
        quiet = np.cumsum(~improves) >= patience
    ends = int(quiet.argmax()) if quiet.any() and not forever else len(values) - 1
    hits = np.flatnonzero(improves[: ends + 1])
    if not len(hits):
        return None
    found = ends if stop else int(hits[-1])
    return found + 1 if place else epochs[found]


def _lowest_training(losses, epochs, patience):
    return max(epochs) if epochs else None


BEST_MISCONCEPTIONS = {
    "no patience": (
        dict(forever=True),
        "You looked at the whole history. The training stops once `patience` validation losses in a row have not improved: "
        "what comes after that would never have happened.",
    ),
    "the epoch of stopping": (
        dict(stop=True),
        "You returned the epoch at which the training stops. Keep the weights of the last epoch that improved.",
    ),
    "ties": (dict(ties=True), "An equal loss is no improvement: it must be lower than every one before it."),
    "against the one before": (
        dict(previous=True),
        "You compared each loss with the one before it. An improvement is lower than the *lowest* so far.",
    ),
    "in total": (
        dict(total=True),
        "An improvement starts the count again: `patience` losses in a row without one, not in total.",
    ),
    "one too patient": (
        dict(extra=1),
        "Yours waits one loss too long: stop as soon as `patience` of them in a row have not improved.",
    ),
    "place, not epoch": (
        dict(place=True),
        "You returned the place in the list. Validation need not run after each epoch: the epoch is the column `step`.",
    ),
}


def judge_best(evidence, rng):
    cases, got = histories(rng), evidence["best"]
    want = [kept(*case) for case in cases]
    if got == want:
        return passed()
    for name, (twist, message) in BEST_MISCONCEPTIONS.items():
        if got == [kept(*case, **twist) for case in cases]:
            return not_yet(message, name)
    if got[4:] == [_lowest_training(*case) for case in cases[4:]]:
        return not_yet("You looked at the training loss, which falls to the end. Only loss/validation counts.", "training loss")
    rows = list(zip(cases, want, got, strict=True))
    if all(w == g for case, w, g in rows if not any(map(math.isnan, case[0]))):
        message = "Right where every loss is a number. A NaN never improves on anything, and nothing needs to improve on a NaN."
        return not_yet(f"{message} {_case(rows)}", "not a number")
    return not_yet(_case(rows))


def _case(rows):
    (losses, epochs, patience), want, got = min((row for row in rows if row[1] != row[2]), key=lambda row: len(row[0][0]))
    return f"For the validation losses {losses} at the epochs {epochs} with patience {patience}: {want}; yours says {got!r}."


# --- 22c.3: diagnose ----------------------------------------------------------------------------------------------------

DIVERGES, NOTHING, OVERFITS, LEARNING, DONE = "diverges", "does not learn", "overfits", "still learning", "done"
RISE = 0.01  # nats


def pairs(rng):
    """Curves of training and validation loss, and the loss of knowing nothing. No rise lies at the limit itself."""
    cases = [([0.6, 0.5], [0.55, 0.58], 0.53), ([0.6, 0.5], [0.52, 0.58], 0.53), ([0.5], [0.52], 0.53)]
    for _ in range(240):
        n = int(rng.integers(1, 7))
        train = rng.choice(np.arange(100, 150), n) * 0.004
        val = rng.choice(np.arange(120, 130), n) * 0.004
        if rng.random() < 0.5:
            train, val = np.sort(train)[::-1], np.sort(val)[::-1]
            val[-1] += rng.choice([0, 0, 0.004, 0.008])
        spoilt = rng.random()
        if spoilt < 0.2:
            (train if rng.random() < 0.5 else val)[int(rng.integers(n))] = math.nan if spoilt < 0.1 else math.inf
        cases.append((train.round(3).tolist(), val.round(3).tolist(), float(rng.choice([0.482, 0.494, 0.506, 0.53]))))
    return cases


def probe_diagnose(answer, rng):
    returned = [answer(list(train), list(val), base) for train, val, base in pairs(rng)]
    return {"found": [value if isinstance(value, str) else f"a {type(value).__name__}" for value in returned]}


def diagnosis(train, val, base, *, gap=False, first=False, last=False, training=False, ties=False, order=False, nan_only=False):
    """The oracle: the rules one after the other. Each keyword is a twist behind a misconception."""
    train, val = np.array(train), np.array(val)
    broken = np.isnan if nan_only else lambda losses: ~np.isfinite(losses)
    if broken(train).any() or broken(val).any():
        return DIVERGES
    lowest = train[-1] if gap else val[0] if first else val.min()
    nothing = (val[-1] if last else train.min() if training else val.min()) >= base
    rises = val[-1] - lowest > RISE
    earlier = val[:-1].min() if len(val) > 1 else np.inf
    falls = val[-1] <= earlier if ties else val[-1] < earlier
    rules = [(nothing, NOTHING), (rises, OVERFITS), (falls, LEARNING), (True, DONE)]
    if order:
        rules[0], rules[1] = rules[1], rules[0]
    return next(name for fits, name in rules if fits)


DIAGNOSE_MISCONCEPTIONS = {
    "infinity": (dict(nan_only=True), "An infinite loss diverges as well as a NaN: ask whether a loss is finite."),
    "the gap": (
        dict(gap=True),
        "You compared validation with training. A gap between them is normal; what tells of overfitting is that the validation "
        "loss has risen above its own lowest value.",
    ),
    "since the first": (
        dict(first=True),
        "You measured the rise from the first validation loss. It falls before it rises: measure from the lowest.",
    ),
    "only the last": (
        dict(last=True),
        "A run whose validation loss was once below knows_nothing has learned something, also if it rose again: ask the "
        "lowest, not the last.",
    ),
    "training knows": (
        dict(training=True),
        "Whether it learns is a question to the validation loss. The training loss falls also when things are learned by heart.",
    ),
    "ties": (dict(ties=True), "Still learning means lower than *every* loss before it: an equal one is no progress."),
    "other order": (dict(order=True), "The first rule that fits decides: look whether it learned before you look at the rise."),
}


def judge_diagnose(evidence, rng):
    cases, got = pairs(rng), evidence["found"]
    want = [diagnosis(*case) for case in cases]
    if got == want:
        return passed()
    for name, (twist, message) in DIAGNOSE_MISCONCEPTIONS.items():
        if got == [diagnosis(*case, **twist) for case in cases]:
            return not_yet(message, name)
    rows = list(zip(cases, want, got, strict=True))
    if all(w == g for _, w, g in rows if w != DIVERGES):
        message = "Right where every loss is finite. Each comparison with a NaN is False, so look for what is not finite first."
        return not_yet(f"{message} {_curve(rows)}", "not finite")
    return not_yet(_curve(rows))


def _curve(rows):
    (train, val, base), want, got = min((row for row in rows if row[1] != row[2]), key=lambda row: len(row[0][0]))
    return f"For training {train}, validation {val} and knows_nothing {base}: {want!r}; yours says {got!r:.40}."


# --- 22c.4: a PR curve of the right flights ------------------------------------------------------------------------------

TAG, LATE, OTHER = "late", "late", "on time"


class Network:
    """As scikit-learn's: `predict_proba` has a column for each of `classes_`, in that order."""

    def __init__(self, weights, classes):
        self._weights, self.classes_ = weights, np.array(classes)

    def predict_proba(self, X):
        late = 1 / (1 + np.exp(-np.asarray(X) @ self._weights))
        return np.column_stack([late if name == LATE else 1 - late for name in self.classes_])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def trained(rng):
    """Two networks with the classes in both orders, the flights that they learned from, others, and the epoch."""
    cases = []
    for classes in ([LATE, OTHER], [OTHER, LATE]):
        weights = rng.normal(0, 1, 4)
        tables = {}
        for name, n, noise in (("train", 150, 0.3), ("validation", 120, 2.0)):
            X = rng.normal(0, 1, (n, 4))
            tables[name] = (X, np.where(X @ weights + rng.normal(0, noise, n) > 0.5, LATE, OTHER))
        cases.append((Network(weights, classes), tables, int(rng.integers(3, 40))))
    return cases


def probe_pr(answer, rng):
    return [_pr_logged(answer, network, tables, epoch) for network, tables, epoch in trained(rng)]


def _pr_logged(answer, network, tables, epoch):
    copies = {name: (X.copy(), outcome.copy()) for name, (X, outcome) in tables.items()}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        folder = Path(top) / "run"
        with counted() as found:
            answer(str(folder), network, copies, epoch)
        return {**found, "curves": [curve for run in runs_below(folder) for curve in _pr_curves(run)]}


def _pr_curves(run):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
    from tensorboard.util import tensor_util

    for path in sorted(run.glob("*.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "pr_curves":
                    yield {"tag": value.tag, "step": event.step, "rows": tensor_util.make_ndarray(value.tensor)}


def counts(network, tables, n, *, which="validation", column=None, hard=False, turned=False, exchanged=False):
    """The oracle: true and false positives at n thresholds, by counting. Each keyword is a twist behind a misconception."""
    X, outcome = tables[which]
    column = network.classes_.tolist().index(LATE) if column is None else column
    promised = (network.predict(X) == LATE).astype(float) if hard else network.predict_proba(X)[:, column]
    happened = (outcome == (OTHER if turned else LATE)).astype(float)
    if exchanged:
        promised, happened = happened, promised
    called = np.floor(promised * (n - 1)) >= np.arange(n)[:, None]
    return called @ happened, called @ (1 - happened)


PR_MISCONCEPTIONS = {
    "training flights": (
        dict(which="train"),
        "This is the curve of the flights that the network learned from, which flatters it. Use those of validation.",
    ),
    "always the second column": (
        dict(column=1),
        "The second column is not always `late`: network.classes_ tells which column belongs to which outcome.",
    ),
    "always the first column": (
        dict(column=0),
        "The first column is not always `late`: network.classes_ tells which column belongs to which outcome.",
    ),
    "classes, not probabilities": (
        dict(hard=True),
        "The curve has one point only, because it was given late or not late. Give it probabilities: predict_proba.",
    ),
    "outcomes turned round": (
        dict(turned=True),
        "The outcomes are turned round: a label is True where the flight was late, and the probability is that of late.",
    ),
    "arguments exchanged": (
        dict(exchanged=True),
        "Outcomes and probabilities are exchanged: add_pr_curve takes the labels first, the predictions second.",
    ),
}


def judge_pr(evidence, rng):
    cases = trained(rng)
    for found in evidence:
        if told := _left_open(found):
            return told
    if any(len(found["curves"]) != 1 for found in evidence):
        many = ", ".join(str(len(found["curves"])) for found in evidence)
        return not_yet(f"Each call should leave one PR curve in the folder; after yours there were {many}.", "not one curve")
    got = [found["curves"][0] for found in evidence]
    if any(curve["tag"] != TAG for curve in got):
        return not_yet(f"The curve's tag should be {TAG!r}; yours is {got[0]['tag']!r}.", "other tag")
    n = len(got[0]["rows"][0])
    if n < 20 or len(got[1]["rows"][0]) != n:
        return not_yet(f"The curve has {n} thresholds. Leave num_thresholds as it is.")
    if not _agrees(got, cases, n):
        return _judge_counts(got, cases, n)
    if [curve["step"] for curve in got] != [epoch for _, _, epoch in cases]:
        return not_yet(
            f"The curve is right, but it stands at step {got[0]['step']} where the epoch is {cases[0][2]}. "
            "The epoch is add_pr_curve's fourth argument.",
            "no step",
        )
    return passed()


def _judge_counts(got, cases, n):
    for name, (twist, message) in PR_MISCONCEPTIONS.items():
        if _agrees(got, cases, n, **twist):
            return not_yet(message, name)
    flights, late = (
        sum(len(t["validation"][1]) for _, t, _ in cases),
        sum((t["validation"][1] == LATE).sum() for _, t, _ in cases),
    )
    have = sum(curve["rows"][0][0] + curve["rows"][1][0] for curve in got)
    return not_yet(
        f"There were {flights} validation flights, {late} of them late. Your curves are of {have:.0f} flights, and of these "
        f"{sum(curve['rows'][0][0] for curve in got):.0f} late, or their probabilities are not those of being late."
    )


def _agrees(got, cases, n, **twist):
    wanted = [counts(network, tables, n, **twist) for network, tables, _ in cases]
    return all(np.allclose(curve["rows"][:2], want, rtol=1e-4, atol=1e-3) for curve, want in zip(got, wanted, strict=True))


# --- the questions ------------------------------------------------------------------------------------------------------

SOLUTION = "solutions/22c_tensorboard.ipynb"

QUESTIONS = {
    "22c.1": Question(
        title="Curves by epoch",
        probe=probe_log,
        judge=judge_log,
        hints=(
            "One run is one folder and one writer: `with SummaryWriter(folder) as writer:`, and everything else inside.",
            "writer.add_scalar(tag, value, epoch); enumerate(..., start=1) counts the epochs.",
            "for epoch, (train, val) in enumerate(zip(train_losses, val_losses), start=1): log train; log val unless it is None.",
        ),
        notebook=SOLUTION,
        misconceptions=(
            "not in the folder",
            "a run a curve",
            "left open",
            "a file a value",
            "other tags",
            "gaps filled",
            *LOG_MISCONCEPTIONS,
        ),
    ),
    "22c.2": Question(
        title="Stop in time",
        probe=probe_best,
        judge=judge_best,
        hints=(
            "Take the rows of loss/validation and go through them in order; remember the lowest loss and its epoch.",
            "Count the losses since the last improvement; when the count reaches `patience`, leave the loop.",
            "Start with the lowest loss at infinity and the epoch at None: a NaN is never below it, so no case is special.",
        ),
        notebook=SOLUTION,
        misconceptions=("training loss", "not a number", *BEST_MISCONCEPTIONS),
    ),
    "22c.3": Question(
        title="Read the curves",
        probe=probe_diagnose,
        judge=judge_diagnose,
        hints=(
            "Five rules, five lines: `if ...: return ...`, in the order of the text.",
            "np.isfinite(losses).all() says whether every loss is finite.",
            "The lowest of what came before the last: min(validation[:-1], default=math.inf).",
        ),
        notebook=SOLUTION,
        misconceptions=("not finite", *DIAGNOSE_MISCONCEPTIONS),
    ),
    "22c.4": Question(
        title="A PR curve that does not flatter",
        probe=probe_pr,
        judge=judge_pr,
        hints=(
            "Which flights may judge? And which of the two columns of predict_proba is `late`?",
            'list(network.classes_).index("late") is the column; outcome == "late" are the labels.',
            "writer.add_pr_curve(tag, labels, predictions, epoch), in a `with` block.",
        ),
        notebook=SOLUTION,
        misconceptions=("left open", "not one curve", "other tag", "no step", *PR_MISCONCEPTIONS),
    ),
}
