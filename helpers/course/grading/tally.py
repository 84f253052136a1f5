"""Counts a class while its records are read one by one: what is kept does not grow with what the learners wrote."""

import re
from collections import Counter
from dataclasses import dataclass, field

from helpers.course import questions
from helpers.course.classroom import shown

NOT_REACHED = "not reached"
# outcome: (sign, what it means for the one who grades), in the order of every picture and table
OUTCOMES = {
    "passed": (questions.LOOKS["passed"][0], "the answer is right"),
    "not yet": (questions.LOOKS["not yet"][0], "there is an answer, and it is not right yet"),
    "error": (questions.LOOKS["error"][0], "the learner's own code raised an exception"),
    "not attempted": (questions.LOOKS["not attempted"][0], "the answer was left as it was given out"),
    NOT_REACHED: ("⋯", "the run ended before this question"),
    questions.BROKEN: (questions.LOOKS[questions.BROKEN][0], "the check itself broke: this is no fault of the learner"),
}
MOST_KINDS = 200  # of reasons that are kept for a question; more than the judges have, and a bound for exceptions' own texts
LONGEST = 220  # characters of a reason


@dataclass
class Reasons:
    """The reasons that were given, counted. Those that differ in their numbers alone are one.

    Attributes
    ----------
    counts : collections.Counter
        By the reason without its numbers.
    examples : dict of str to str
        The first reason of each kind, as it was given.
    dropped : bool
        Whether there were so many kinds that rare ones were forgotten; counts may then be too low, never too high.
    """

    counts: Counter = field(default_factory=Counter)
    examples: dict = field(default_factory=dict)
    dropped: bool = False

    def add(self, reason):
        """Count one.

        Parameters
        ----------
        reason : str
            Nothing is counted if it is empty.
        """
        reason = shown(reason, LONGEST)
        kind = re.sub(r"\d+(?:[.,]\d+)*", "#", reason)
        if kind:
            self.counts[kind] += 1
            self.examples.setdefault(kind, reason)
        if len(self.counts) > MOST_KINDS:
            self.counts = Counter(dict(self.counts.most_common(MOST_KINDS // 2)))
            self.examples = {kind: self.examples[kind] for kind in self.counts}
            self.dropped = True

    def most(self, number):
        """The most frequent ones.

        Parameters
        ----------
        number : int

        Returns
        -------
        list of (str, int)
            An example and how often its kind came; those of the same count by their text.
        """
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return [(self.examples[kind], count) for kind, count in ranked[:number]]


@dataclass
class Question:
    """How a question went in the class.

    Attributes
    ----------
    id, title : str
    outcomes : collections.Counter
        Learners by outcome; only those who handed the assignment in.
    misconceptions : collections.Counter
        Learners by the misunderstanding's name.
    reasons : Reasons
        Of all that did not pass, but for those of broken checks.
    broken : Reasons
        What broken checks said.
    """

    id: str
    title: str
    outcomes: Counter = field(default_factory=Counter)
    misconceptions: Counter = field(default_factory=Counter)
    reasons: Reasons = field(default_factory=Reasons)
    broken: Reasons = field(default_factory=Reasons)

    def add(self, found):
        """Count what one learner reached.

        Parameters
        ----------
        found : dict
            The question's part of a record.
        """
        outcome = found["outcome"]
        if outcome not in OUTCOMES:
            raise ValueError(f"{self.id} has the outcome {outcome!r}; it should be one of {', '.join(OUTCOMES)}.")
        self.outcomes[outcome] += 1
        if outcome == questions.BROKEN:
            self.broken.add(found["reason"])
        elif outcome != "passed":
            self.reasons.add(found["reason"])
            if found["misconception"]:
                self.misconceptions[shown(found["misconception"], 80)] += 1  # of the bank's own, so they are few

    @property
    def handed_in(self):
        """How many learners handed it in."""
        return self.outcomes.total()

    @property
    def failed(self):
        """The share of them that did not pass, from 0 to 1; 0 if nobody handed it in."""
        return 1 - self.outcomes["passed"] / self.handed_in if self.handed_in else 0.0


@dataclass
class Assignment:
    """How an assignment went in the class.

    Attributes
    ----------
    title : str
    questions : dict of str to Question
    handed_in, troubled, points : int
        Learners who handed it in; those of them whose run was ended; the points of all together.
    """

    title: str
    questions: dict
    handed_in: int = 0
    troubled: int = 0
    points: float = 0


def empty(assignments):
    """Begin to count.

    Parameters
    ----------
    assignments : dict of str to dict
        What could be handed in: by name, each with `title` and `questions`, a dict of the titles by id.

    Returns
    -------
    dict of str to Assignment
    """
    return {
        name: Assignment(given["title"], {one: Question(one, title) for one, title in given["questions"].items()})
        for name, given in assignments.items()
    }


def add(tally, record):
    """Count one learner.

    Parameters
    ----------
    tally : dict of str to Assignment
        Is changed.
    record : dict
        The learner's.

    Raises
    ------
    KeyError
        The record has an assignment or a question that is not in the tally.
    """
    for name, work in record["assignments"].items():
        assignment = tally[name]
        assignment.handed_in += 1
        assignment.troubled += bool(work["trouble"])
        assignment.points += work["score"]
        for question_id, found in work["questions"].items():
            assignment.questions[question_id].add(found)
