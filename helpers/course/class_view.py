"""`python -m helpers progress FOLDER`: where a class stands, from the progress files that the learners handed over."""

import datetime
from collections import Counter
from dataclasses import dataclass, field

from helpers.course import class_files, classroom
from helpers.course.classroom import shown
from helpers.course.verdict import PASSED

MADE_BY = "python -m helpers progress"
NAME = 80  # characters of a learner's name that are shown
STUCK = 10  # questions told as those where the room is stuck
LEFT_OUT = 100  # lines about files that were left out


@dataclass
class Asked:
    """How a question went in the class; numbers of learners, but for `tries`.

    Attributes
    ----------
    title : str
    counts : collections.Counter
        "touched" (tried, a hint seen or the solution shown), "passed", "tried", "stuck" (tried and not passed), "hints"
        (seen), "solution" (shown); "tries" of all learners, and "tries of the stuck".
    first, last : str
        The first try and the last one, ISO in UTC; "" if there was none.
    """

    title: str
    counts: Counter = field(default_factory=Counter)
    first: str = ""
    last: str = ""

    def add(self, record):
        """Count one learner.

        Parameters
        ----------
        record : dict
            As in `progress.Progress.questions`; empty if there is none.
        """
        tries, passed = record.get("tries", 0), record.get("best") == PASSED
        flags = {"passed": passed, "tried": tries > 0, "stuck": tries > 0 and not passed}
        flags |= {"hints": record.get("hints", 0) > 0, "solution": record.get("solution_shown", False)}
        self.counts.update(name for name, flag in {"touched": any(flags.values()), **flags}.items() if flag)
        self.counts.update({"tries": tries, "tries of the stuck": tries * flags["stuck"]})
        if tries:
            first, last = _utc(record.get("first_time") or record["last_time"]), _utc(record["last_time"])
            self.first = min(first, self.first or first)
            self.last = max(last, self.last)


@dataclass
class Room:
    """Where a class stands.

    Attributes
    ----------
    lessons : dict of str to dict of str to Asked
        By name, in the course's order; then by the question's id.
    learners : list of dict
        In alphabetical order: `name`; `lessons`, for each lesson (passed, touched, questions); `passed`; `last`, ISO or "".
    left_out : list of str
        A line for each file that was left out, or of which a part was.
    """

    lessons: dict
    learners: list
    left_out: list

    def stuck(self):
        """Where the room is stuck.

        Returns
        -------
        list of (str, Asked)
            Questions that somebody tried and did not pass, by id: most tries without a pass first.
        """
        asked = [item for questions in self.lessons.values() for item in questions.items() if item[1].counts["stuck"]]
        return sorted(asked, key=lambda item: (-item[1].counts["tries of the stuck"], -item[1].counts["stuck"], item[0]))


def look(folder, lessons, now):
    """Count a class. Of each file only the counts are kept.

    Parameters
    ----------
    folder : path-like
        As in `class_files.read`.
    lessons : dict of str to dict of str to str
        As from `lesson_names.lessons`.
    now : datetime.datetime
        With its time zone.

    Returns
    -------
    Room

    Raises
    ------
    helpers.course.class_files.ClassError
        There is nothing to read.
    """
    room = Room({name: {one: Asked(title) for one, title in given.items()} for name, given in lessons.items()}, [], [])
    known = {question_id for questions in lessons.values() for question_id in questions}
    for place, questions, told in class_files.read(folder, known, now):
        room.left_out += [told] * bool(told)
        if questions is not None:
            room.learners.append({"place": place, **_learner(room, questions)})
    names = class_files.names([learner["place"] for learner in room.learners])
    for learner in room.learners:
        learner["name"] = shown(names[learner.pop("place")], NAME)
    room.learners.sort(key=lambda learner: (learner["name"].casefold(), learner["name"]))
    return room


def page(room, now):
    """Make the page.

    Parameters
    ----------
    room : Room
    now : datetime.datetime
        With its time zone.

    Returns
    -------
    str
        HTML, complete in itself; it asks for nothing outside, and no learner's row leads anywhere.
    """
    stuck = room.stuck()
    return classroom.render(
        "class_view.html",
        made_by=MADE_BY,
        made=classroom.when(now.isoformat()),
        learners=[{**learner, "cells": [_cell(*lesson) for lesson in learner["lessons"]]} for learner in room.learners],
        heads=[(next(iter(questions)).rpartition(".")[0], name) for name, questions in room.lessons.items() if questions],
        stuck=stuck[:STUCK],
        more_stuck=len(stuck[STUCK:]),
        lessons=room.lessons,
        of=sum(map(len, room.lessons.values())),
        left_out=room.left_out[:LEFT_OUT],
        more_left_out=len(room.left_out[LEFT_OUT:]),
    )


def as_text(room):
    """Sum it up for the terminal.

    Parameters
    ----------
    room : Room

    Returns
    -------
    str
    """
    lines = [
        f"{len(room.learners):,} {'learner' if len(room.learners) == 1 else 'learners'}, by their own files; this is no grade."
    ]
    width = max((len(name) for name in room.lessons), default=0)
    for name, questions in room.lessons.items():
        touched = sum(learner["lessons"][list(room.lessons).index(name)][1] > 0 for learner in room.learners)
        passed = sum(asked.counts["passed"] for asked in questions.values())
        if touched:
            share = 100 * passed / (len(questions) * len(room.learners))
            lines.append(f"  {name:<{width}}  begun by {touched:>4}, {share:3.0f}% of its questions passed")
    stuck = room.stuck()[: STUCK // 2]
    lines += ["Stuck now, most tries without a pass first:"] * bool(stuck)
    for question_id, asked in stuck:
        counts = asked.counts
        lines.append(f"  {question_id} {asked.title}: {counts['stuck']} stuck, {counts['tries of the stuck']} tries")
    lines += room.left_out[:20]
    return "\n".join([*lines, *[f"and {len(room.left_out) - 20} more such files"] * (len(room.left_out) > 20)])


def _learner(room, questions):
    """Count a learner's file in the room, and keep what the table shows."""
    lessons = []
    for asked in room.lessons.values():
        records = {question_id: questions.get(question_id, {}) for question_id in asked}
        for question_id, record in records.items():
            asked[question_id].add(record)
        passed = sum(record.get("best") == PASSED for record in records.values())
        lessons.append((passed, sum(map(bool, records.values())), len(records)))
    last = max((_utc(record["last_time"]) for record in questions.values() if "last_time" in record), default="")
    return {"lessons": lessons, "passed": sum(lesson[0] for lesson in lessons), "last": last}


def _cell(passed, touched, number):
    """What a cell of the map says, and its shade."""
    if not touched:
        return "·", ""
    if passed == number:
        return f"✓ {passed}/{number}", "f4"
    return f"{passed}/{number}", "f1" if not passed else "f2" if 2 * passed < number else "f3"


def _utc(text):
    """Times of one zone can be compared as text."""
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC).isoformat(timespec="seconds")
