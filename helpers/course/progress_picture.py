"""The picture of the progress: a row a lesson, a box a question."""

import html
from dataclasses import dataclass

from helpers.course.progress import Progress
from helpers.course.verdict import PASSED

# state: (sign, colour). Each colour stands out by 3:1 from a white and from a dark page, and its white sign by 4.5:1 from
# it; the sign alone tells the state too. Untouched has no colour: its edge takes the colour of the page's text.
STATES = {
    "passed": ("✓", "#1d7a46"),
    "tried": ("•", "#a6570a"),
    "solution shown": ("S", "#2b6cb0"),
    "not yet touched": ("·", None),
}
BOX, GAP, ROW, CHARACTER = 24, 6, 34, 8.2  # pixels


def state(record):
    """Say how far a question has come.

    Parameters
    ----------
    record : dict
        As in `Progress.questions`; empty if there is none.

    Returns
    -------
    str
        A key of `STATES`. What has passed stays passed, whether or not the solution was shown.
    """
    if record.get("best") == PASSED:
        return "passed"
    if record.get("solution_shown"):
        return "solution shown"
    return "tried" if record.get("tries") or record.get("hints") else "not yet touched"


def picture(progress, lessons):
    """Draw the progress.

    Parameters
    ----------
    progress : Progress
    lessons : dict of str to dict of str to str
        Each lesson's name and its questions: title by id. Drawn in this order.

    Returns
    -------
    Picture
        A notebook draws it; elsewhere it is plain text.
    """
    return Picture(progress, lessons)


@dataclass(frozen=True, repr=False)
class Picture:
    """The progress, drawn.

    Attributes
    ----------
    progress : Progress
    lessons : dict of str to dict of str to str
        As in `picture`.
    """

    progress: Progress
    lessons: dict

    def __repr__(self):
        width = max(map(len, self.lessons), default=0)
        rows = [f"{name:<{width}}  {' '.join(STATES[self._state(i)][0] for i in ids)}  {self._count(ids)}"
                for name, ids in self.lessons.items()]
        key = "  ".join(f"{sign} {name}" for name, (sign, _) in STATES.items())
        return "\n".join(line for line in [*(rows or ["There is no question yet."]), key, self.progress.trouble] if line)

    def _repr_html_(self):
        if not self.lessons:
            return "<p>There is no question yet.</p>"
        trouble = f"<p>{html.escape(self.progress.trouble)}</p>" if self.progress.trouble else ""
        return self._svg() + trouble

    def _svg(self):
        left = 10 + CHARACTER * max(map(len, self.lessons))
        most = max(map(len, self.lessons.values()))
        width = int(max(left + most * (BOX + GAP) + 100, 520))
        height = ROW * (len(self.lessons) + 1) + 12
        rows = [part for row, (name, ids) in enumerate(self.lessons.items()) for part in self._row(name, ids, row * ROW + 4, left)]
        told = "; ".join(f"{name}: {self._count(ids)}" for name, ids in self.lessons.items())
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
            f' aria-label="Your progress. {html.escape(told)}" style="max-width: 100%; height: auto" fill="currentColor"'
            ' font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">',
            *rows, *_key(height - ROW + 4), "</svg>",
        ])

    def _row(self, name, ids, top, left):
        yield f'<text x="2" y="{top + 17}">{html.escape(name)}</text>'
        for place, (question_id, title) in enumerate(ids.items()):
            told = f"{question_id} {title}: {self._told(question_id)}"
            yield f"<g><title>{html.escape(told)}</title>{_box(self._state(question_id), left + place * (BOX + GAP), top)}</g>"
        yield f'<text x="{left + len(ids) * (BOX + GAP) + 6:.0f}" y="{top + 17}">{self._count(ids)}</text>'

    def _state(self, question_id):
        return state(self.progress.questions.get(question_id, {}))

    def _count(self, ids):
        return f"{sum(self._state(question_id) == PASSED for question_id in ids)} of {len(ids)} passed"

    def _told(self, question_id):
        record = self.progress.questions.get(question_id, {})
        told = [self._state(question_id), _many(record.get("tries", 0), "try", "tries"), _many(record.get("hints", 0), "hint", "hints")]
        if record.get("solution_shown") and told[0] == PASSED:
            told.append("solution shown")
        return ", ".join(part for part in told if part)


def _many(number, one, more):
    return f"{number} {one if number == 1 else more}" if number else ""


def _key(top):
    left = 2
    for name in STATES:
        yield _box(name, left, top)
        yield f'<text x="{left + BOX + 6:.0f}" y="{top + 17}">{name}</text>'
        left += BOX + 20 + CHARACTER * len(name)


def _box(name, left, top):
    """The signs are drawn, not written: fonts differ."""
    colour = STATES[name][1]
    frame = f'x="{left + 1:.0f}" y="{top + 1}" width="{BOX - 2}" height="{BOX - 2}" rx="4"'
    if colour is None:
        return f'<rect {frame} fill="none" stroke="currentColor" stroke-opacity="0.65" stroke-width="1.5"/>'
    x, y = left + BOX / 2, top + BOX / 2
    line = f'fill="none" stroke="#ffffff" stroke-width="2.6" stroke-linecap="round" d="M{x - 6:.0f} {y:.0f}'
    drawn = {
        "passed": f'<path {line}l4 5 8 -10"/>',
        "tried": f'<circle cx="{x:.0f}" cy="{y:.0f}" r="4" fill="#ffffff"/>',
        "solution shown": f'<path {line}m0 -5h12m-12 5h12m-12 5h7"/>',  # lines of text
    }[name]
    return f'<rect {frame} fill="{colour}"/>{drawn}'
