"""The picture of the progress: a row a lesson, a box a question."""

import html
from dataclasses import dataclass

from helpers.course.progress import Progress
from helpers.course.verdict import PASSED

# state: (sign, colour). Each colour stands out by 3:1 from a white and from a dark page, and its white sign by 4.5:1 from
# it; the sign alone tells the state too. Untouched has no colour: it takes that of the page's text.
STATES = {
    "passed": ("✓", "#1d7a46"),
    "tried": ("●", "#a6570a"),
    "solution shown": ("S", "#2b6cb0"),
    "not yet touched": ("·", None),
}
BOX = (
    "display: inline-block; width: 1.5em; line-height: 1.5em; margin: 0 0.35em 0.35em 0; border-radius: 4px; text-align: center; "
    "font-weight: bold; "
)


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
        rows = [
            f"{name:<{width}}  {' '.join(STATES[self._state(i)][0] for i in ids)}  {self._count(ids)}"
            for name, ids in self.lessons.items()
        ]
        key = "  ".join(f"{sign} {name}" for name, (sign, _) in STATES.items())
        return "\n".join(line for line in [*(rows or ["There is no question yet."]), key, self.progress.trouble] if line)

    def _repr_html_(self):
        # Boxes of text, not a drawing: a notebook that is not trusted yet shows them too, and so does a page without styles.
        if not self.lessons:
            return "<p>There is no question yet.</p>"
        width = 0.55 * max(map(len, self.lessons)) + 1
        rows = [self._row(name, ids, width) for name, ids in self.lessons.items()]
        key = '<div style="margin-top: 0.5em">' + " &emsp; ".join(f"{_box(name, name)} {name}" for name in STATES) + "</div>"
        trouble = f"<p>{html.escape(self.progress.trouble)}</p>" if self.progress.trouble else ""
        return "\n".join([*rows, key, *[trouble] * bool(trouble)])

    def _row(self, name, ids, width):
        boxes = [
            _box(self._state(question_id), f"{question_id} {title}: {self._told(question_id)}")
            for question_id, title in ids.items()
        ]
        label = f'<span style="display: inline-block; width: {width:.1f}em">{html.escape(name)}</span>'
        return f"<div>{label} {' '.join(boxes)} {self._count(ids)}</div>"

    def _state(self, question_id):
        return state(self.progress.questions.get(question_id, {}))

    def _count(self, ids):
        return f"{sum(self._state(question_id) == PASSED for question_id in ids)} of {len(ids)} passed"

    def _told(self, question_id):
        record = self.progress.questions.get(question_id, {})
        told = [self._state(question_id), _many(record.get("tries"), "try", "tries"), _many(record.get("hints"), "hint", "hints")]
        if record.get("solution_shown") and told[0] == PASSED:
            told.append("solution shown")
        return ", ".join(part for part in told if part)


def _many(number, one, more):
    return f"{number} {one if number == 1 else more}" if number else ""


def _box(name, told):
    sign, colour = STATES[name]
    looks = f"background: {colour}; color: #ffffff; border: 1px solid {colour}" if colour else "border: 1px solid currentColor"
    told = html.escape(told)
    return f'<span role="img" aria-label="{told}" title="{told}" style="{BOX}{looks}">{sign}</span>'
