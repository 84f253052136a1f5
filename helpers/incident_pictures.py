"""The dashboard of the incident room: the month in six panels, one line of numbers a panel where that is possible."""

import numpy as np


def dashboard(metrics, days, *, since=None):
    """Draw a month.

    Parameters
    ----------
    metrics : pandas.DataFrame
        A row a day, as `Room.metrics`.
    days : sequence of datetime.date
        Of the rows.
    since : datetime.date, optional
        Marked by a line, as a debrief does.

    Returns
    -------
    matplotlib.figure.Figure
        It is not shown yet: in a notebook call `plt.show()`.
    """
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, 3, figsize=(13, 6.4), layout="constrained", sharex=True)
    numbers = np.arange(1, len(days) + 1)
    for ax, draw in zip(axes.flat, (_requests, _latency, _labels, _late, _auc, _drift), strict=True):
        draw(ax, numbers, metrics)
        if since is not None:
            ax.axvline(list(days).index(since) + 1, color="black", lw=1.2, ls=":", label="it began")
        ax.set_ylim(bottom=0)
        ax.legend(fontsize=8, loc="best")
    for ax in axes[1]:
        ax.set_xlabel(f"day, from {days[0].isoformat()} on")
    return fig


def _a_day(metrics, prefix):
    table = metrics[[name for name in metrics.columns if name.startswith(prefix)]]
    return table.diff().fillna(table.head(1))


def _requests(ax, numbers, metrics):
    table = _a_day(metrics, "requests_total")
    for name in table.columns:
        status = name.partition('status="')[2][:3]
        ax.plot(numbers, table[name], "-" if status == "200" else "--", marker=".", label=f"status {status}")
    ax.set(title="Requests by status", ylabel="requests a day")


def _latency(ax, numbers, metrics):
    took, count = (_a_day(metrics, name).iloc[:, 0] for name in ("seconds_sum", "seconds_count"))
    ax.plot(numbers, 1000 * took / count, marker=".", label="mean")
    ax.set(title="Latency", ylabel="milliseconds a request")


def _labels(ax, numbers, metrics):
    ax.plot(numbers, metrics["monitor_labelled_share"], marker=".", label="of the last 7 days' flights")
    ax.set(title="Outcomes that have come", ylabel="share")


def _late(ax, numbers, metrics):
    ax.plot(numbers, metrics["predicted_late_share"], marker=".", label="predicted")
    ax.plot(numbers, metrics.get("actual_late_share"), "--", marker=".", label="actual, where known")
    ax.set(title="Late flights in the last 7 days", ylabel="share")


def _auc(ax, numbers, metrics):
    low, value, high, before = (metrics.get(f'model_score{part}{{score="auc"}}') for part in ("_low", "", "_high", "_before"))
    ax.fill_between(numbers, low.astype(float), high.astype(float), alpha=0.25, label="95% interval")
    ax.plot(numbers, value, marker=".", label="last 7 days")
    ax.plot(numbers, before, "k--", lw=1, label="worst quiet week")
    ax.set(title="AUC, where outcomes allow", ylabel="AUC")


def _drift(ax, numbers, metrics):
    over = {}
    for name in [name for name in metrics.columns if name.startswith("drift_effect")]:
        column = name.partition('"')[2].rstrip('"}')
        over[column] = metrics[name] / metrics[name.replace("effect", "limit")]
    worst = sorted(over, key=lambda column: -over[column].max())[:3]
    for column, style in zip(worst, ["-", "--", "-."], strict=False):
        ax.plot(numbers, over[column], style, marker=".", label=column)
    unknown = metrics[[name for name in metrics.columns if name.startswith("drift_unknown")]].sum(axis=1).to_numpy()
    if unknown.any():  # these have no effect, so no curve tells of them
        dead = numbers[unknown > 0]
        ax.plot(dead, np.zeros(len(dead)), "rx", label=f"cannot be tested: up to {unknown.max():.0f} inputs")
    ax.axhline(1, color="black", lw=1, label="limit")
    ax.set(title="Drift of the three inputs that moved most", ylabel="effect / limit")
