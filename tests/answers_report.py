"""Prints, at the end of a test run, how often right answers were refused and wrong ones accepted.

tests/conftest.py takes part by: from tests.answers_report import pytest_runtest_logreport, pytest_terminal_summary
"""

_rows = {}  # question: the counts, as test_answers recorded them; from other processes too, since reports carry them


def pytest_runtest_logreport(report):
    """Keep the counts of a test that has just run, here or in a worker."""
    for name, counts in report.user_properties:
        if name == "answers" and report.when == "call":
            _rows[counts["question"]] = counts


def pytest_terminal_summary(terminalreporter):
    """Write one line a question and one for all."""
    if not _rows:
        return
    terminalreporter.section("right and wrong answers, each with several seeds")
    for line in table(_rows.values()):
        terminalreporter.write_line(line)


def table(rows):
    """Make the lines of the report.

    Parameters
    ----------
    rows : iterable of dict
        With `question`, `right`, `refused`, `wrong`, `accepted`.

    Returns
    -------
    list of str
    """
    rows = sorted(rows, key=lambda row: row["question"])
    total = {name: sum(row[name] for row in rows) for name in ("right", "refused", "wrong", "accepted")}
    lines = [f"{'question':<10} {'wrongly refused':>20} {'wrongly accepted':>20}"]
    for row in [*rows, {"question": "all", **total}]:
        refused, accepted = _rate(row["refused"], row["right"]), _rate(row["accepted"], row["wrong"])
        lines.append(f"{row['question']:<10} {refused:>20} {accepted:>20}")
    return lines


def _rate(part, whole):
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none tried"
