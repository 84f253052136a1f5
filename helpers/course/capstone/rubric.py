"""What the capstone is graded by, and the sheet on which points are given, each with its evidence and what to do next."""

from dataclasses import dataclass, replace

LONGEST = 2_000  # characters of what was seen, or of an advice

RUBRIC = {  # part: (title, {criterion: (points, what must be true)})
    "project": (
        "The project",
        {
            "documented": (3, "README.md says how to start the system and documents the CI/CD flow"),
            "pinned": (2, "requirements.txt pins every package to one version"),
        },
    ),
    "tracking": (
        "Training and tracking",
        {
            "trains": (5, "the command `train` runs to its end"),
            "recorded": (5, "the run's parameters, metrics and model are on record"),
            "again": (5, "a second training, on fewer rows, leaves a second record"),
        },
    ),
    "service": (
        "The service",
        {
            "health": (3, "`health` says that it can answer"),
            "predicts": (6, "each good row gets a probability and the model's version"),
            "skill": (3, "its probabilities tell late from not late better than chance"),
            "refuses": (6, "each bad request is refused with a 4xx and a reason in JSON"),
            "well": (2, "after all of that it still gives the same answer"),
        },
    ),
    "app": (
        "The page",
        {
            "up": (3, "the Streamlit page is served"),
            "runs": (3, "it opens with inputs and without an exception"),
            "asks": (2, "its button asks the service, and shows the answer"),
            "alone": (2, "with the service away it says so, and raises no exception"),
        },
    ),
    "metrics": (
        "The metrics",
        {
            "readable": (3, "Prometheus can read `metrics`"),
            "counts": (4, "the counter grows by one with each row that is answered"),
            "timed": (3, "the histogram times each answer"),
        },
    ),
    "alert": (
        "The alert",
        {
            "watched": (4, "the rules are valid, and Prometheus scrapes the service"),
            "quiet": (3, "quiet traffic raises no alert"),
            "fires": (5, "drifted traffic raises the alert"),
            "told": (3, "Alertmanager tells the webhook"),
        },
    ),
    "rollback": (
        "A new version, and back",
        {
            "switches": (5, "a second training reaches the service, and no request fails meanwhile"),
            "back": (5, "`roll_back` brings the earlier version back, with its answers"),
        },
    ),
    "ci": (
        "CI/CD",
        {
            "lint": (2, "the workflow is valid, and the security linter finds nothing"),
            "green": (5, "a push runs it, it passes, and a training is on record"),
            "red": (3, "a push with a failing test is stopped, and trains nothing"),
        },
    ),
    "space": (
        "The Space",
        {
            "complete": (2, "its folder has all that a Space needs"),
            "boots": (3, "it runs alone, without an exception"),
        },
    ),
}


@dataclass(frozen=True)
class Mark:
    """The points of one criterion.

    Attributes
    ----------
    part, name, what : str
        As in `RUBRIC`.
    points : float or None
        None where this machine cannot try it.
    of : int
    evidence : str
        What was seen.
    advice : str
        What to do next; "" where all points were given.
    """

    part: str
    name: str
    what: str
    points: float | None
    of: int
    evidence: str
    advice: str


def readable(text):
    """What a learner's program said, as any page, file or terminal can show it.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        On one line; of a character that nothing can show, such as half a surrogate pair, its escape. A long one is cut.
    """
    shown = "".join(each if each.isprintable() else " " if each.isspace() else ascii(each)[1:-1] for each in text[:LONGEST])
    return shown + ("…" if len(text) > LONGEST else "")


class Sheet:
    """Collects marks. Every criterion of its parts is marked in the end.

    Parameters
    ----------
    parts : iterable of str, optional
        Keys of `RUBRIC`; all by default.
    """

    def __init__(self, parts=None):
        self.parts = [part for part in RUBRIC if parts is None or part in parts]
        self._marks = {}

    def give(self, part, name, share, evidence, advice=""):
        """Give points, once for each criterion: what comes later does not count.

        Parameters
        ----------
        part : str
        name : str
            As in `RUBRIC`.
        share : bool or float
            Of the points, 0 to 1; halves of a point are given.
        evidence : str
        advice : str, default ""
            Left out where all points are given.
        """
        of, what = RUBRIC[part][1][name]
        points = round(2 * of * float(share)) / 2
        self._set(Mark(part, name, what, points, of, evidence, advice if points < of else ""))

    def skip(self, part, why):
        """Leave out what is not marked yet of a part, since this machine cannot try it: nothing is lost by that.

        Parameters
        ----------
        part : str
        why : str
        """
        for name, (of, what) in RUBRIC[part][1].items():
            self._set(Mark(part, name, what, None, of, "", why))

    def close(self, part, why):
        """Give no points for what is not marked yet of a part.

        Parameters
        ----------
        part : str
        why : str
            What stood in the way, and what to do.
        """
        for name in RUBRIC[part][1]:
            self.give(part, name, 0, "not reached", why)

    def given(self, part, name):
        """The mark of a criterion.

        Parameters
        ----------
        part : str
        name : str

        Returns
        -------
        Mark or None
            None where there is none yet.
        """
        return self._marks.get((part, name))

    def _set(self, mark):
        mark = replace(mark, evidence=readable(mark.evidence), advice=readable(mark.advice))
        if mark.part in self.parts:
            self._marks.setdefault((mark.part, mark.name), mark)

    def marks(self):
        """All marks, in the rubric's order.

        Returns
        -------
        list of Mark
            What nobody marked has no points and says so.
        """
        for part in self.parts:
            self.close(part, "The check ended before it came to this.")
        return [self._marks[part, name] for part in self.parts for name in RUBRIC[part][1]]

    def total(self):
        """The points.

        Returns
        -------
        points, of : float, int
            Without what this machine cannot try.
        """
        graded = [mark for mark in self.marks() if mark.points is not None]
        return sum(mark.points for mark in graded), sum(mark.of for mark in graded)
