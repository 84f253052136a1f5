"""Answers to the questions of the discussion of 12."""

from tests.answers import Answers, Wrong

FEED = [
    Wrong("a", "blames the season"),
    Wrong("b", "trusts a range check"),
    Wrong("d", "better data, better forecasts"),
    Wrong("D)", "better data, better forecasts"),
    Wrong(["a"], "blames the season"),
    Wrong(2, "trusts a range check"),
    Wrong("option A", "blames the season"),
    Wrong("The season has changed, and the model has aged. Retrain it on the newest weeks, as the rule for drift says.",
          "blames the season"),
]  # fmt: skip
SKEW = [
    Wrong("a", "blames age"),
    Wrong("c", "blames noise"),
    Wrong("d", "tests them apart"),
    Wrong("C", "blames noise"),
    Wrong(" d) ", "tests them apart"),
    Wrong(3, "blames noise"),
    Wrong({"a"}, "blames age"),
    Wrong(1.0, "blames age"),
]
LOOP = [
    Wrong("a", "learns its own effect"),
    Wrong("b", "cuts out the risk"),
    Wrong("c", "moves the threshold"),
    Wrong("(a)", "learns its own effect"),
    Wrong("answer: b", "cuts out the risk"),
    Wrong(3, "moves the threshold"),
    Wrong(("c",), "moves the threshold"),
    Wrong("2", "cuts out the risk"),
]
UNCLEAR = [
    Wrong("e"),
    Wrong(5),
    Wrong(-1),
    Wrong("bc"),
    Wrong(["a", "b"], says="You chose several"),
    Wrong({"a", "b", "c", "d"}, says="You chose several"),
    Wrong(["a", "b", "c", "d"]),
    Wrong([["a", "c"]]),
    Wrong({"choice": "b"}),
    Wrong("a, b, c, d"),
    Wrong("abcd"),
    Wrong("retrain"),
    Wrong(float("inf")),
    Wrong(False),
    Wrong([], says="the letter of one option"),
    Wrong("", says="the letter of one option"),
]


def but(right, changes):
    """A wrong answer for each change of one case."""
    return [Wrong(right | {case: word}, f"{case}: {word.lower()}") for case, words in changes.items() for word in words]


WEEK = {"Monday": "model", "Tuesday": "environment", "Wednesday": "data", "Thursday": "nothing", "Friday": "code"}
KINDS = {"1": "software", "2": "both", "3": "ML", "4": "ML", "5": "software", "6": "both", "7": "ML"}

ANSWERS = {
    "12d.1": Answers(
        right=["c", "C", " c) ", ["c"], {"c"}, 3, 3.0, "option c", "c.",
               "A missing pressure was a sign of bad weather to the model. Ask for the gaps back until a "
               "model has learned the new feed.",
               "c) a missing pressure was a sign of bad weather to the model. ask for the gaps back until a "
               "model has learned the new feed"],
        wrong=[*FEED, *UNCLEAR],
    ),
    "12d.2": Answers(right=["b", "B", "(b)", ["b"], {"B"}, 2, "2", "Answer: b", ("b",)], wrong=[*SKEW, *UNCLEAR]),
    "12d.3": Answers(right=["d", "D)", " d ", ["D"], {"d"}, 4, "4.", "Choice d"], wrong=[*LOOP, *UNCLEAR]),
    "12d.4": Answers(
        right=[
            WEEK,
            {day.upper(): f" {part.upper()} " for day, part in WEEK.items()},
            list(WEEK.values()),
            WEEK | {"Wednesday": "feed", "Thursday": "none", "Saturday": "rest"},
        ],
        wrong=[
            *but(WEEK, {
                "Monday": ["code", "data", "environment", "nothing"],
                "Tuesday": ["model", "code", "data", "nothing"],
                "Wednesday": ["model", "code", "environment", "nothing"],
                "Thursday": ["model", "code", "data", "environment"],
                "Friday": ["model", "data", "environment", "nothing"],
            }),
            Wrong({day: "code" for day in WEEK}, "Monday: code", says="1 of 5 hold"),
            Wrong({"Monday": "model"}, says="Tuesday has none yet"),
            Wrong({part: day for day, part in WEEK.items()}, says="Monday has none yet"),
            Wrong(WEEK | {"Friday": "the code, I think"}, says="Friday has"),
            Wrong(WEEK | {"Friday": ["code", "model"]}, says="Friday has none yet"),
            Wrong(list(WEEK), says="Monday has 'monday'"),
            Wrong(["model"], says="a dict"),
            Wrong("model", says="a dict"),
            Wrong({}, says="Monday has none yet"),
        ],
    ),
    "12d.5": Answers(
        right=[
            KINDS,
            {int(number): kind for number, kind in KINDS.items()},
            list(KINDS.values()),
            {f" {number}. ": {"ML": "machine learning"}.get(kind, kind.title()) for number, kind in KINDS.items()},
        ],
        wrong=[
            *but(KINDS, {
                "1": ["ML", "both"], "2": ["software", "ML"], "3": ["software", "both"], "4": ["software", "both"],
                "5": ["ML", "both"], "6": ["software", "ML"], "7": ["software", "both"],
            }),
            Wrong({number: "both" for number in KINDS}, "1: both", says="2 of 7 hold"),
            Wrong({number: "ml" for number in range(1, 8)}, "1: ml"),
            Wrong({"ML": [3, 4, 7], "software": [1, 5], "both": [2, 6]}, says="1 has none yet"),
            Wrong(KINDS | {"7": None}, says="7 has none yet"),
            Wrong(KINDS | {"7": "neither"}, says="7 has 'neither'"),
            Wrong("both"),
            Wrong(list(KINDS.values())[:6], says="a dict"),
        ],
    ),
}  # fmt: skip
