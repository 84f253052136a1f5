"""Lays a lesson's pieces out on slides, so that none overflows a screen."""

from dataclasses import dataclass, field

from helpers.course.slides_pieces import CODE, HEIGHT, WIDTH, pieces

UNBROKEN = 20  # px: in a smaller type a line of a program is rather broken
LEGIBLE = 22  # px: code shares a slide with its output only where both can stand in a type of this size


@dataclass
class Slide:
    """A slide.

    Attributes
    ----------
    part : int
        The number of the lesson's part that it belongs to, from 0: the opening.
    title : str
        The part's, in Markdown.
    steps : list of list of helpers.course.slides_pieces.Piece
        What is there at once, then what comes at each press of a key.
    size : int
        Type of programs and outputs, in px.
    """

    part: int
    title: str
    steps: list = field(default_factory=list)
    size: int = CODE[0]

    @property
    def pieces(self):
        """All of them, in order."""
        return [piece for step in self.steps for piece in step]

    @property
    def height(self):
        """How high they stand, in px."""
        return sum(piece.height(self.size) for piece in self.pieces)

    def fits(self, size):
        """Whether a screen holds them, with programs and outputs in a type of `size` px."""
        is_wide = any(piece.width * size > WIDTH - 40 for piece in self.pieces)
        return not is_wide and sum(piece.height(size) for piece in self.pieces) <= HEIGHT


def slides(cells):
    """Lay out a lesson.

    Each `##` begins a part. Text fills a slide; a program begins one, with the question that asks about it on top, and a lone
    sentence that leads to it. What it gave comes a step later on the same slide, or on the next where there is no room; what the
    lesson says about it, likewise.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        The lesson's, with stored outputs.

    Returns
    -------
    list of Slide
        Empty for a lesson without cells.
    """
    found, part, title, questions = [], -1, "", []
    for piece in pieces(cells):
        if piece.kind in ("title", "part") or part < 0:
            _ask(found, questions, part, title)
            part, title = part + 1, piece.shown.lstrip("# ")
            found.append(Slide(part, title, [[piece]]))
        elif piece.kind == "predict":
            questions.append(piece)
        elif piece.kind == "code":
            _show_code(found, questions, piece, part, title)
        elif piece.kind == "output":
            _show_output(found, piece, part, title)
        else:
            _ask(found, questions, part, title)
            _show_text(found, piece, part, title)
    _ask(found, questions, part, title)
    return found


def _show_text(found, piece, part, title):
    last = found[-1]
    kinds = {each.kind for each in last.pieces}
    opens = piece.kind == "heading" and len(last.pieces) > 1
    needed = piece.together if piece.height() < piece.together <= HEIGHT else piece.height()  # a table is cut only if it must be
    if opens or (last.height + needed > HEIGHT and piece.shown):
        announces = last.pieces[-1].kind == "text" and not last.pieces[-1].shown.endswith((".", "?", "!", ")"))
        moves = piece.kind in ("item", "row") and announces and len(last.pieces) > 1
        moved = [last.steps[-1].pop()] if moves else []
        last.steps = [step for step in last.steps if step]
        found.append(Slide(part, title, [[*moved, piece]]))
    elif kinds & {"code", "output"} and not any(each.kind in ("text", "item", "row") for each in last.steps[-1]):
        last.steps.append([piece])
    else:
        last.steps[-1].append(piece)


def _ask(found, questions, part, title):
    """Questions to the room that no program follows: more text does, or the lesson ends."""
    for piece in questions:
        _show_text(found, piece, part, title)
    questions.clear()


def _show_code(found, questions, piece, part, title):
    slide = Slide(part, title, [[*questions, piece]])
    if _fit(slide, CODE[-1]):
        questions.clear()
    else:
        _ask(found, questions, part, title)
        slide = Slide(part, title, [[piece]])
        _fit(slide, CODE[-1])
    leads = found[-1].pieces
    kinds = [each.kind for each in leads]
    if kinds == ["part"] or (set(kinds) <= {"text", "heading"} and kinds.count("text") <= 1):
        together = Slide(part, title, [[*leads, *slide.pieces]])
        if _fit(together, LEGIBLE):
            found[-1] = together
            return
    found.append(slide)


def _show_output(found, piece, part, title):
    last = found[-1]
    trial = Slide(part, title, [*last.steps, [piece]])
    if piece.cell == last.pieces[-1].cell and _fit(trial, LEGIBLE):
        follows = last.pieces[-1].kind == "output" and len(last.steps) > 1
        last.steps = [*last.steps[:-1], [*last.steps[-1], piece]] if follows else trial.steps
        last.size = trial.size
        return
    alone = Slide(part, title, [[piece]])
    _fit(alone, CODE[-1])
    found.append(alone)


def _fit(slide, smallest):
    """Take the largest type, down to `smallest`, in which the slide holds everything, if possible with no line of code broken."""
    sizes = [size for size in CODE if size >= smallest and slide.fits(size)]
    whole = [
        size
        for size in sizes
        if size >= UNBROKEN and not any(piece.kind == "code" and piece.breaks(size) for piece in slide.pieces)
    ]
    slide.size = (whole or sizes or [smallest])[0]
    return bool(sizes)
