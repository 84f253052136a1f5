"""Answers to the questions of 22c, TensorBoard."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from tensorboardX import SummaryWriter

from tests.answers import Answers, Wrong

# --- 22c.1 --------------------------------------------------------------------------------------------------------------


def log(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            writer.add_scalar("loss/train", train, epoch)
            if val is not None:
                writer.add_scalar("loss/validation", val, epoch)


def log_without_with(folder, train_losses, val_losses):
    writer = SummaryWriter(logdir=folder, flush_secs=1)
    for i in range(len(train_losses)):
        writer.add_scalar("loss/train", np.float32(train_losses[i]), global_step=i + 1)
    for i in range(len(val_losses)):
        if val_losses[i] is not None:
            writer.add_scalar("loss/validation", val_losses[i], global_step=i + 1)
    writer.add_text("note", "done")
    writer.close()


def log_two_files(folder, train_losses, val_losses):
    for name, losses in {"train": train_losses, "validation": val_losses}.items():
        with SummaryWriter(folder, filename_suffix=f".{name}") as writer:
            for epoch, loss in enumerate(losses, 1):
                if loss is not None:
                    writer.add_scalar(f"loss/{name}", loss, epoch)


def log_by_table(folder, train_losses, val_losses):
    table = pd.DataFrame({"loss/train": train_losses, "loss/validation": val_losses}, dtype=float)
    table.index += 1
    with SummaryWriter(str(Path(folder))) as writer:
        for tag in table:
            for epoch, loss in table[tag].dropna()[::-1].items():
                writer.add_scalar(tag, loss, epoch)


def log_no_steps(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for train, val in zip(train_losses, val_losses, strict=True):
            writer.add_scalar("loss/train", train)
            if val is not None:
                writer.add_scalar("loss/validation", val)


def log_from_zero(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True)):
            writer.add_scalar("loss/train", train, epoch)
            if val is not None:
                writer.add_scalar("loss/validation", val, epoch)


def log_swapped(folder, train_losses, val_losses):
    log(folder, [0.5] * len(train_losses), train_losses)
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            writer.add_scalar("loss/validation", train, epoch)
            if val is not None:
                writer.add_scalar("loss/train", val, epoch)


def log_swapped_once(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            writer.add_scalar("loss/validation", train, epoch)
            if val is not None:
                writer.add_scalar("loss/train", val, epoch)


def log_measurements(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, train in enumerate(train_losses, start=1):
            writer.add_scalar("loss/train", train, epoch)
        for epoch, val in enumerate([val for val in val_losses if val is not None], start=1):
            writer.add_scalar("loss/validation", val, epoch)


def log_nan(folder, train_losses, val_losses):
    log(folder, train_losses, [math.nan if val is None else val for val in val_losses])


def log_zero(folder, train_losses, val_losses):
    log(folder, train_losses, [val or 0.0 for val in val_losses])


def log_last_known(folder, train_losses, val_losses):
    log(folder, train_losses, pd.Series(val_losses, dtype=float).ffill().tolist())


def log_left_open(folder, train_losses, val_losses):
    writer = SummaryWriter(folder)
    for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
        writer.add_scalar("loss/train", train, epoch)
        if val is not None:
            writer.add_scalar("loss/validation", val, epoch)


def log_only_flushed(folder, train_losses, val_losses):
    writer = SummaryWriter(folder)
    for epoch, train in enumerate(train_losses, start=1):
        writer.add_scalar("loss/train", train, epoch)
    writer.flush()


def log_a_file_a_value(folder, train_losses, val_losses):
    for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
        with SummaryWriter(folder) as writer:
            writer.add_scalar("loss/train", train, epoch)
            if val is not None:
                writer.add_scalar("loss/validation", val, epoch)


def log_a_run_a_curve(folder, train_losses, val_losses):
    for name, losses in {"train": train_losses, "validation": val_losses}.items():
        with SummaryWriter(f"{folder}/{name}") as writer:
            for epoch, loss in enumerate(losses, 1):
                if loss is not None:
                    writer.add_scalar("loss", loss, epoch)


def log_scalars(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            both = {"train": train} if val is None else {"train": train, "validation": val}
            writer.add_scalars("loss", both, epoch)


def log_one_tag(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            writer.add_scalar("loss", train, epoch)
            if val is not None:
                writer.add_scalar("loss", val, epoch)


def log_other_tags(folder, train_losses, val_losses):
    with SummaryWriter(folder) as writer:
        for epoch, (train, val) in enumerate(zip(train_losses, val_losses, strict=True), start=1):
            writer.add_scalar("train_loss", train, epoch)
            if val is not None:
                writer.add_scalar("val_loss", val, epoch)


def log_elsewhere(folder, train_losses, val_losses):
    log(f"{folder}_of_mine", train_losses, val_losses)


def log_nothing(folder, train_losses, val_losses):
    return {"loss/train": train_losses, "loss/validation": val_losses}


def log_one_short(folder, train_losses, val_losses):
    log(folder, train_losses[:-1], val_losses[:-1])


def log_rounded(folder, train_losses, val_losses):
    log(folder, [round(loss, 2) for loss in train_losses], val_losses)


def log_visible_values(folder, train_losses, val_losses):
    log(folder, [0.61, 0.55, 0.53], [0.62, None, 0.60])


# --- 22c.2 --------------------------------------------------------------------------------------------------------------


def best(history, patience):
    rows = history[history["metric"] == "loss/validation"]
    lowest, epoch, waited = math.inf, None, 0
    for step, loss in zip(rows["step"], rows["value"], strict=True):
        if loss < lowest:
            lowest, epoch, waited = loss, step, 0
        else:
            waited += 1
            if waited == patience:
                break
    return epoch


def best_by_records(history, patience):
    validation = history.query("metric == 'loss/validation'")[["step", "value"]].to_dict("records")
    kept = []
    for row in validation:
        low = min((entry["value"] for entry in kept if entry["value"] == entry["value"]), default=math.inf)
        kept.append(row | {"good": row["value"] < low})
        if len(kept) >= patience and not any(entry["good"] for entry in kept[-patience:]):
            break
    good = [int(entry["step"]) for entry in kept if entry["good"]]
    return good[-1] if good else None


def best_by_pandas(history, patience):
    curve = history[history["metric"] == "loss/validation"].set_index("step")["value"].fillna(math.inf)
    good = curve < curve.cummin().shift(fill_value=math.inf)
    since = (~good).groupby(good.cumsum()).cumsum()
    ended = since[since >= patience]
    good = good if ended.empty else good.loc[: ended.index[0]]
    return good[good].index.max() if good.any() else None


def _loop(
    history,
    patience,
    *,
    metric="loss/validation",
    better=lambda loss, low: loss < low,
    reset=True,
    extra=0,
    stop=False,
    previous=False,
    place=False,
):
    rows = history[history["metric"] == metric]
    lowest, kept, waited, last = math.inf, None, 0, None
    for number, (step, loss) in enumerate(zip(rows["step"], rows["value"], strict=True), start=1):
        last = step
        if better(loss, lowest) and math.isfinite(loss):
            kept, lowest, waited = (number if place else step), loss, 0 if reset else waited
        else:
            waited += 1
            if waited >= patience + extra:
                break
        if previous:
            lowest = loss if math.isfinite(loss) else math.inf
    return last if stop and kept is not None else kept


def best_of_all(history, patience):
    return _loop(history, 10**6)


def best_by_idxmin(history, patience):
    curve = history[history["metric"] == "loss/validation"].set_index("step")["value"].dropna()
    return None if curve.empty else int(curve.idxmin())


def best_stop(history, patience):
    return _loop(history, patience, stop=True)


def best_ties(history, patience):
    return _loop(history, patience, better=lambda loss, low: loss <= low)


def best_previous(history, patience):
    return _loop(history, patience, previous=True)


def best_total(history, patience):
    return _loop(history, patience, reset=False)


def best_late(history, patience):
    return _loop(history, patience, extra=1)


def best_place(history, patience):
    return _loop(history, patience, place=True)


def best_of_training(history, patience):
    return _loop(history, patience, metric="loss/train")


def best_of_both(history, patience):
    return _loop(history.assign(metric="loss/validation"), patience)


def best_nan_dropped(history, patience):
    return _loop(history.dropna(), patience)


def best_from_first(history, patience):
    rows = history[history["metric"] == "loss/validation"]
    steps, losses = rows["step"].tolist(), rows["value"].tolist()
    if not losses:
        return None
    lowest, kept, waited = losses[0], steps[0], 0
    for step, loss in zip(steps[1:], losses[1:], strict=True):
        if loss < lowest:
            lowest, kept, waited = loss, step, 0
        else:
            waited += 1
        if waited >= patience:
            break
    return kept


def best_as_text(history, patience):
    return str(best(history, patience))


def best_loss(history, patience):
    curve = history[history["metric"] == "loss/validation"]["value"]
    return float(curve.min())


def best_visible(history, patience):
    return 2 if patience == 2 else 5


def best_none_is_zero(history, patience):
    return best(history, patience) or 0


# --- 22c.3 --------------------------------------------------------------------------------------------------------------


def diagnose(train, validation, knows_nothing):
    if not np.isfinite([*train, *validation]).all():
        return "diverges"
    if min(validation) >= knows_nothing:
        return "does not learn"
    if validation[-1] - min(validation) > 0.01:
        return "overfits"
    if validation[-1] < min(validation[:-1], default=math.inf):
        return "still learning"
    return "done"


def diagnose_by_lookup(train, validation, knows_nothing):
    train, val = pd.Series(train), pd.Series(validation)
    finite = all(math.isfinite(loss) for loss in [*train, *val])
    rules = {
        "diverges": not finite,
        "does not learn": not (val < knows_nothing).any(),
        "overfits": val.iloc[-1] > val.min() + 0.01,
        "still learning": (val.iloc[:-1] > val.iloc[-1]).all(),
        "done": True,
    }
    return next(name for name, fits in rules.items() if fits)


def diagnose_nested(train, validation, knows_nothing):
    total = sum(train) + sum(validation)
    if math.isnan(total) or math.isinf(total):
        return "diverges"
    best = sorted(validation)[0]
    last = validation[len(validation) - 1]
    if not best < knows_nothing:
        return "does not learn"
    elif last > best + 0.01:
        return "overfits"
    else:
        return "still learning" if validation.index(best) == len(validation) - 1 else "done"


def diagnose_nan_only(train, validation, knows_nothing):
    if np.isnan([*train, *validation]).any():
        return "diverges"
    train, validation = np.array(train), np.array(validation)
    with np.errstate(invalid="ignore"):
        if validation.min() >= knows_nothing:
            return "does not learn"
        if validation[-1] - validation.min() > 0.01:
            return "overfits"
    return "still learning" if validation[-1] < validation[:-1].min(initial=math.inf) else "done"


def _finite(train, validation):
    return all(math.isfinite(loss) for loss in [*train, *validation])


def diagnose_gap(train, validation, knows_nothing):
    if not _finite(train, validation) or min(validation) >= knows_nothing:
        return diagnose(train, validation, knows_nothing)
    if validation[-1] - train[-1] > 0.01:
        return "overfits"
    return "still learning" if validation[-1] < min(validation[:-1], default=math.inf) else "done"


def diagnose_since_first(train, validation, knows_nothing):
    if not _finite(train, validation) or min(validation) >= knows_nothing:
        return diagnose(train, validation, knows_nothing)
    if validation[-1] - validation[0] > 0.01:
        return "overfits"
    return "still learning" if validation[-1] < min(validation[:-1], default=math.inf) else "done"


def diagnose_only_last(train, validation, knows_nothing):
    if _finite(train, validation) and validation[-1] >= knows_nothing:
        return "does not learn"
    return diagnose(train, validation, knows_nothing)


def diagnose_by_training(train, validation, knows_nothing):
    if not _finite(train, validation):
        return "diverges"
    return "does not learn" if min(train) >= knows_nothing else diagnose(train, validation, math.inf)


def diagnose_ties(train, validation, knows_nothing):
    found = diagnose(train, validation, knows_nothing)
    return "still learning" if found == "done" and validation[-1] == min(validation) else found


def diagnose_other_order(train, validation, knows_nothing):
    if _finite(train, validation) and validation[-1] - min(validation) > 0.01:
        return "overfits"
    return diagnose(train, validation, knows_nothing)


def diagnose_without_finite(train, validation, knows_nothing):
    if min(validation) >= knows_nothing:
        return "does not learn"
    if validation[-1] - min(validation) > 0.01:
        return "overfits"
    return "still learning" if validation[-1] < min(validation[:-1], default=math.inf) else "done"


def diagnose_rising_training(train, validation, knows_nothing):
    return "diverges" if train[-1] > train[0] else diagnose_without_finite(train, validation, knows_nothing)


def diagnose_other_words(train, validation, knows_nothing):
    return diagnose(train, validation, knows_nothing).replace("overfits", "overfitting")


def diagnose_loose(train, validation, knows_nothing):
    found = diagnose(train, validation, knows_nothing)
    return "overfits" if found == "done" and validation[-1] > min(validation) else found


def diagnose_never_done(train, validation, knows_nothing):
    return diagnose(train, validation, knows_nothing).replace("done", "still learning")


def diagnose_rules(train, validation, knows_nothing):
    return [diagnose(train, validation, knows_nothing)]


def diagnose_always(train, validation, knows_nothing):
    return "overfits"


# --- 22c.4 --------------------------------------------------------------------------------------------------------------


def pr(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    column = list(network.classes_).index("late")
    with SummaryWriter(folder) as writer:
        writer.add_pr_curve("late", outcome == "late", network.predict_proba(X)[:, column], epoch)


def pr_by_mask(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    probability = network.predict_proba(X)[:, network.classes_ == "late"].ravel()
    writer = SummaryWriter(logdir=folder, filename_suffix=".pr")
    writer.add_pr_curve("late", np.array([1 if name == "late" else 0 for name in outcome]), probability, global_step=epoch)
    writer.close()


def pr_fine(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    table = pd.DataFrame(network.predict_proba(X), columns=network.classes_)
    with SummaryWriter(folder) as writer:
        writer.add_scalar("seen", len(X), epoch)
        writer.add_pr_curve("late", (outcome == "late").astype(int), table["late"].to_numpy(), epoch, num_thresholds=201)


def _pr(
    folder, network, tables, epoch, *, which="validation", column=None, hard=False, positive="late", tag="late", exchanged=False
):
    X, outcome = tables[which]
    p = network.predict_proba(X)[:, list(network.classes_).index("late") if column is None else column]
    p = (network.predict(X) == "late").astype(float) if hard else p
    labels = (outcome == positive).astype(float)
    with SummaryWriter(folder) as writer:
        writer.add_pr_curve(tag, *((p, labels) if exchanged else (labels, p)), epoch)


def pr_training(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, which="train")


def pr_second_column(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, column=1)


def pr_first_column(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, column=0)


def pr_hard(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, hard=True)


def pr_turned(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, positive="on time")


def pr_exchanged(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, exchanged=True)


def pr_other_tag(folder, network, tables, epoch):
    _pr(folder, network, tables, epoch, tag="PR")


def pr_no_step(folder, network, tables, epoch):
    _pr(folder, network, tables, None)


def pr_step_one(folder, network, tables, epoch):
    _pr(folder, network, tables, 1)


def pr_left_open(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    p = network.predict_proba(X)[:, list(network.classes_).index("late")]
    SummaryWriter(folder).add_pr_curve("late", outcome == "late", p, epoch)


def pr_everything(folder, network, tables, epoch):
    X, outcome = (np.concatenate(parts) for parts in zip(*tables.values(), strict=True))
    _pr(folder, network, {"validation": (X, outcome)}, epoch)


def pr_both(folder, network, tables, epoch):
    with SummaryWriter(folder) as writer:
        for name, (X, outcome) in tables.items():
            p = network.predict_proba(X)[:, list(network.classes_).index("late")]
            writer.add_pr_curve(f"late/{name}", outcome == "late", p, epoch)


def pr_nothing(folder, network, tables, epoch):
    return network.predict_proba(tables["validation"][0])


def pr_text_labels(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    with SummaryWriter(folder) as writer:
        writer.add_pr_curve("late", outcome, network.predict_proba(X)[:, 0], epoch)


def pr_few_thresholds(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    with SummaryWriter(folder) as writer:
        writer.add_pr_curve("late", outcome == "late", network.predict_proba(X)[:, 0], epoch, num_thresholds=2)


def pr_all_but_one(folder, network, tables, epoch):
    X, outcome = tables["validation"]
    _pr(folder, network, {"validation": (X[1:], outcome[1:])}, epoch)


ANSWERS = {
    "22c.1": Answers(
        right=[log, log_without_with, log_two_files, log_by_table],
        wrong=[
            Wrong(log_no_steps, "no steps"),
            Wrong(log_from_zero, "counts from zero"),
            Wrong(log_swapped_once, "swapped"),
            Wrong(log_measurements, "counts measurements"),
            Wrong(log_nan, "gaps filled"),
            Wrong(log_zero, "gaps filled"),
            Wrong(log_last_known, "gaps filled"),
            Wrong(log_left_open, "left open"),
            Wrong(log_only_flushed, "left open"),
            Wrong(log_a_file_a_value, "a file a value"),
            Wrong(log_swapped, "a file a value"),
            Wrong(log_a_run_a_curve, "a run a curve"),
            Wrong(log_scalars, "a run a curve"),
            Wrong(log_one_tag, "other tags"),
            Wrong(log_other_tags, "other tags", says="train_loss"),
            Wrong(log_elsewhere, "not in the folder", says="another folder"),
            Wrong(log_nothing, "not in the folder"),
            Wrong(log_one_short, says="loss/train"),
            Wrong(log_rounded, says="loss/train"),
            Wrong(log_visible_values),
            Wrong("loss/train"),
        ],
    ),
    "22c.2": Answers(
        right=[best, best_by_records, best_by_pandas],
        wrong=[
            Wrong(best_of_all, "no patience"),
            Wrong(best_by_idxmin, "no patience"),
            Wrong(best_stop, "the epoch of stopping"),
            Wrong(best_ties, "ties"),
            Wrong(best_previous, "against the one before"),
            Wrong(best_total, "in total"),
            Wrong(best_late, "one too patient"),
            Wrong(best_place, "place, not epoch"),
            Wrong(best_of_training, "training loss"),
            Wrong(best_nan_dropped, "not a number"),
            Wrong(best_from_first, "not a number"),
            Wrong(best_of_both, "training loss"),
            Wrong(best_as_text, says="validation losses"),
            Wrong(best_loss),
            Wrong(best_visible),
            Wrong(best_none_is_zero, says="None"),
            Wrong(3),
        ],
    ),
    "22c.3": Answers(
        right=[diagnose, diagnose_by_lookup, diagnose_nested],
        wrong=[
            Wrong(diagnose_nan_only, "infinity"),
            Wrong(diagnose_gap, "the gap"),
            Wrong(diagnose_since_first, "since the first"),
            Wrong(diagnose_only_last, "only the last"),
            Wrong(diagnose_by_training, "training knows"),
            Wrong(diagnose_ties, "ties"),
            Wrong(diagnose_other_order, "other order"),
            Wrong(diagnose_without_finite, "not finite"),
            Wrong(diagnose_rising_training, says="diverges"),
            Wrong(diagnose_other_words, says="overfitting"),
            Wrong(diagnose_loose),
            Wrong(diagnose_never_done, says="done"),
            Wrong(diagnose_rules, says="a list"),
            Wrong(diagnose_always),
            Wrong("overfits"),
        ],
    ),
    "22c.4": Answers(
        right=[pr, pr_by_mask, pr_fine],
        wrong=[
            Wrong(pr_training, "training flights"),
            Wrong(pr_second_column, "always the second column"),
            Wrong(pr_first_column, "always the first column"),
            Wrong(pr_hard, "classes, not probabilities"),
            Wrong(pr_turned, "outcomes turned round"),
            Wrong(pr_exchanged, "arguments exchanged"),
            Wrong(pr_other_tag, "other tag", says="PR"),
            Wrong(pr_no_step, "no step"),
            Wrong(pr_step_one, "no step"),
            Wrong(pr_left_open, "left open"),
            Wrong(pr_both, "not one curve"),
            Wrong(pr_nothing, "not one curve"),
            Wrong(pr_everything, says="validation flights"),
            Wrong(pr_all_but_one, says="validation flights"),
            Wrong(pr_few_thresholds, says="thresholds"),
            Wrong(pr_text_labels, says="pr_text_labels"),
            Wrong(0.5),
        ],
    ),
}
