"""The questions of the discussion of 12: scenarios of data dependency and model versioning, software against ML.

The options are repeated here from the notebook, so that an answer may be an option's letter, its number or its text.
"""

import functools
import re

from helpers.course.verdict import Question, not_yet, passed

# --- one choice of four --------------------------------------------------------------------------------------------------

# letter: (option, name of the misconception and why it is wrong; None where it is right)
FEED = {
    "a": (
        "The season has changed, and the model has aged. Retrain it on the newest weeks, as the rule for drift says.",
        (
            "blames the season",
            "A new season would show in all hours. Outside bad weather forecast and outcome still agree, and the "
            "forecasts fell on the day the feed changed.",
        ),
    ),
    "b": (
        "The filled values are wrong for New York. Let the schema refuse any pressure outside of 950 to 1,050 hPa.",
        (
            "trusts a range check",
            "Nothing in the table says that a value is out of range, and the schema passes. Each filled value is a fine "
            "pressure. What is lost is the *gap*, which no range check looks for.",
        ),
    ),
    "c": (
        "A missing pressure was a sign of bad weather to the model. Ask for the gaps back until a model has learned the "
        "new feed.",
        None,
    ),
    "d": (
        "The feed is nearer to the truth than before, so the forecasts are as well. Keep both, and explain it to the crews.",
        (
            "better data, better forecasts",
            "Compare forecast and outcome in bad weather: they agreed before and are far apart now. A model is fitted "
            "to the feed as it was, faults included; a better feed is another feed.",
        ),
    ),
}

SKEW = {
    "a": (
        "Retrain the model on newer flights: an AUC lower in use than in validation shows that the model has aged.",
        (
            "blames age",
            "Age is not what the log shows: for the same flight at the same time two programs give two values. A new "
            "model would be fed the same wrong evenings.",
        ),
    ),
    "b": (
        "Let training and service share one function for the feature, and test it with flights before and after 19:00.",
        None,
    ),
    "c": (
        "Treat the difference as noise of live data, and round the feature to one decimal in training and in the service.",
        (
            "blames noise",
            "Noise would scatter over the whole day, and no rounding makes 0.35 and 0.00 agree. The values part at one "
            "hour, at which it is midnight in UTC: a fault with a cause.",
        ),
    ),
    "d": (
        "Write more unit tests for each of the two programs, by those who wrote it, since all of the present ones pass.",
        (
            "tests them apart",
            "Each program already does what its own author meant: both sets of tests are green. They disagree about "
            "what a day is, and no test of one alone can see that. One flight has to go through both, or there must be "
            "only one.",
        ),
    ),
}

LOOP = {
    "a": (
        "The model has drifted on risky flights. Retrain it on June, and the alert will be silent again.",
        (
            "learns its own effect",
            "Trained on June, the model learns that such flights are late in 31% of cases, which is true only *because* "
            "they get a crew. Its forecasts sink below 0.5, nobody sends a crew, and the flights are late again.",
        ),
    ),
    "b": (
        "Leave flights with a forecast of 0.5 or more out of training and scoring: only the others are untouched.",
        (
            "cuts out the risk",
            "Then no risky flight is left: the model is neither taught nor judged on the very flights that it is there for.",
        ),
    ),
    "c": (
        "Raise the forecast from which a crew is sent to 0.7, so that fewer outcomes are changed by the forecasts.",
        (
            "moves the threshold",
            "Fewer flights would be helped, and the outcomes above 0.7 would be changed in the same way. The question "
            "of how late they would have been stays without an answer.",
        ),
    ),
    "d": (
        "Leave a small share of them, drawn at random, without a spare crew, and judge and train on these flights.",
        None,
    ),
}


def probe_choice(answer, rng):
    return {"choice": answer}


def letter(value, options):
    """Which option is meant: by its letter ("b", "B)", ["b"], "option b"), its number from 1, or its text. None: unclear."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dict(enumerate(options, start=1)).get(value)
    if not isinstance(value, str):
        return None
    text = " ".join(value.casefold().split())
    texts = {" ".join(option.casefold().split()).rstrip("."): name for name, (option, _) in options.items()}
    bare = re.sub(r"^\(?[a-d1-4][).:]+ ", "", text).rstrip(".")
    if bare in texts:
        return texts[bare]
    found = re.fullmatch(r"(?:option|answer|choice)?\W*([a-d1-4])\W*", text)
    if found is None:
        return None
    return found[1] if found[1].isalpha() else list(options)[int(found[1]) - 1]


def judge_choice(evidence, rng, *, options, praise):
    value = evidence["choice"]
    name = letter(value, options)
    if name is None:
        several = isinstance(value, list) and len(value) > 1
        told = "You chose several" if several else f"Yours is {value!r:.40}"
        return not_yet(f'{told}. Answer with the letter of one option, such as "{list(options)[0]}".')
    wrong = options[name][1]
    if wrong is None:
        return passed(praise)
    misconception, why = wrong
    return not_yet(why, misconception)


# --- a word for each of several cases ------------------------------------------------------------------------------------

PARTS = ("model", "code", "data", "environment", "nothing")
ROLLBACKS = {  # case: (the right word, why each other one is wrong)
    "Monday": (
        "model",
        {
            "code": "c1 with the new model v8 is still wrong, and the new code c2 with v7 is as it was. The code is acquitted.",
            "data": "The replays use *stored* requests, the same for all. They go wrong with v8 and not with v7.",
            "environment": "The environment has not changed, and one of the two replays in it is as it was.",
            "nothing": "A replay with v7 is as it was: going back does help.",
        },
    ),
    "Tuesday": (
        "environment",
        {
            "model": "Nobody has touched the model, and the same model is as it was in the old environment e5.",
            "code": "The new code c3 is as it was when it runs in e5; the old code c2 is wrong in e6. The code is not the cause.",
            "data": "The same stored requests are right in e5 and wrong in e6: what differs is where they run.",
            "nothing": "A replay in e5 is as it was: going back does help.",
        },
    ),
    "Wednesday": (
        "data",
        {
            "model": "Nobody has touched the model, and it answers yesterday's stored requests as it did.",
            "code": "Nobody has touched the code, and it handles yesterday's stored requests as it did.",
            "environment": "Stored requests are as they were in the new environment e7, and those of the new feed are wrong in "
            "the old one. The feed is the cause.",
            "nothing": "What changed is known: requests of the old feed still get right answers. Ask for feed 3.",
        },
    ),
    "Thursday": (
        "nothing",
        {
            "model": "It has been tried: v7 is as far off as v8. Both learned a world in which fewer flights were late.",
            "code": "No code was released, and the inputs are fresh and in range. There is no change to take back.",
            "data": "The feed is fresh, complete and in range: it is right about a world that has changed.",
            "environment": "Nothing was released. The forecasts are those of the model, and the world has moved away from them. ",
        },
    ),
    "Friday": (
        "code",
        {
            "model": "The model has gone back already. v8 was right with c2 and is wrong with c3: it is left with code "
            "that it was not made for.",
            "data": "With v8 and c2 the same stored requests get the right answers, so the requests are fine.",
            "environment": "With v8 and c2 it is right in the present environment.",
            "nothing": "v8 with c2 is right. Only half of a pair went back; the other half has to follow.",
        },
    ),
}

KINDS = ("software", "ml", "both")
STATEMENTS = {
    "1": (
        "software",
        {
            "ml": "For a model the commit is not enough: other data or another seed give another model.",
            "both": "It does not hold for a model: its data, seed and settings have to be kept as well.",
        },
    ),
    "2": (
        "both",
        {
            "software": "An ML pipeline consists of code too: features, training, service. It is reviewed and tested like any "
            "other.",
            "ml": "Review and tests are older than ML pipelines; software lives by them.",
        },
    ),
    "3": (
        "ml",
        {
            "software": "A program that sorted well in winter sorts well in June. It is the model that April took by surprise.",
            "both": "Ordinary software gives a valid input the same right answer for ever. What a model learned can cease "
            "to be true.",
        },
    ),
    "4": (
        "ml",
        {
            "software": "Software is accepted when its tests pass: a sum that is right in 71% of cases is a bug. A forecast "
            "is never right in all.",
            "both": "Software is accepted when its tests pass: nobody settles for sums that are right in most cases.",
        },
    ),
    "5": (
        "software",
        {
            "ml": "No line of a model says that flights to Chicago are late. A wrong forecast may have no wrong line "
            "behind it at all.",
            "both": "In a model there may be no such line: what it does was learned, and one wrong forecast in five may "
            "be as good as it gets.",
        },
    ),
    "6": (
        "both",
        {
            "software": "Without it, who could say which model gave last Tuesday's forecast? ML needs it at least as much.",
            "ml": "Software needs it too: no incident can be understood without knowing which release answered.",
        },
    ),
    "7": (
        "ml",
        {
            "software": "A compiler does not learn from last month's flights. Only where data make the product are they an "
            "ingredient to inspect.",
            "both": "Ordinary software is built from code alone; data come later, when it runs. Here they go into the "
            "product itself.",
        },
    ),
}

SYNONYMS = {"machine learning": "ml", "ml pipeline": "ml", "software pipeline": "software", "env": "environment", "feed": "data",
            "none": "nothing", "no rollback": "nothing"}  # fmt: skip


def probe_cases(answer, rng):
    return {"cases": answer}


def matched(value, cases):
    """The learner's word for each case, in small letters; a list counts in the order of the cases."""
    if isinstance(value, list) and len(value) == len(cases):
        value = dict(zip(cases, value, strict=True))
    if not isinstance(value, dict):
        return None
    known = {case.casefold(): case for case in cases}
    named = {known.get(str(key).strip(" .)").casefold()): word for key, word in value.items()}
    words = {case: " ".join(word.casefold().split()) for case, word in named.items() if case and isinstance(word, str)}
    return {case: SYNONYMS.get(word, word) for case, word in words.items()}


def judge_cases(evidence, rng, *, cases, words, praise):
    got = matched(evidence["cases"], cases)
    if got is None:
        first = list(cases)[0]
        return not_yet(f'Answer with a dict that has a word for each case, such as {{"{first}": "{words[0]}", ...}}.')
    for case in cases:
        if got.get(case) not in words:
            told = f"{case} has {got[case]!r:.40}" if case in got else f"{case} has none yet"
            return not_yet(f"Each case takes one of the words {', '.join(words)}; {told}.")
    wrong = [case for case in cases if got[case] != cases[case][0]]
    if not wrong:
        return passed(praise)
    case = wrong[0]
    hold = len(cases) - len(wrong)
    return not_yet(f"{case}, {got[case]}: {cases[case][1][got[case]]} ({hold} of {len(cases)} hold.)", f"{case}: {got[case]}")


# --- the questions ------------------------------------------------------------------------------------------------------


def choice(title, options, praise, *hints):
    return Question(
        title=title,
        probe=probe_choice,
        judge=functools.partial(judge_choice, options=options, praise=praise),
        hints=hints,
        notebook="solutions/12_discussion.ipynb",
        misconceptions=tuple(wrong[0] for _, wrong in options.values() if wrong),
    )


def sorting(title, cases, words, praise, *hints):
    return Question(
        title=title,
        probe=probe_cases,
        judge=functools.partial(judge_cases, cases=cases, words=words, praise=praise),
        hints=hints,
        notebook="solutions/12_discussion.ipynb",
        misconceptions=tuple(f"{case}: {word}" for case, (_, others) in cases.items() for word in others),
    )


QUESTIONS = {
    "12d.1": choice(
        "An improved feed",
        FEED,
        "The model depended on a fault of the feed. A feed is an interface, faults included.",
        "In which hours did forecast and outcome part, and in which not?",
        "When was the pressure missing, before the improvement? The lesson looked at that.",
    ),
    "12d.2": choice(
        "One flight, two values",
        SKEW,
        "One definition, used on both sides, cannot disagree with itself.",
        "At what hour do the two columns part? What happens at that hour elsewhere?",
        "Both sets of tests are green. What has never been compared?",
    ),
    "12d.3": choice(
        "A forecast that is acted upon",
        LOOP,
        "Without a few flights that nobody acted on, nobody can know what the model is worth.",
        "Why are the risky flights of June less often late: is the model worse, or has somebody done something?",
        "Suppose each remedy is in place. What will the forecasts be a month later, and what will the crews do then?",
    ),
    "12d.4": sorting(
        "What has to go back",
        ROLLBACKS,
        PARTS,
        "You let the replays decide, not the calendar: that something changed last does not make it the cause.",
        "A replay that is as it was acquits everything that it used.",
        "Look for the one thing that all wrong replays share and no right one has.",
        "On one day no replay is right, whichever version is taken. On another, half of a pair has gone back already.",
    ),
    "12d.5": sorting(
        "Software, ML, or both",
        STATEMENTS,
        KINDS,
        "What is shared is good engineering. What differs comes from behaviour that is learned from data.",
        "For each, ask two questions: is it true of a program that adds up invoices? Is it true of our forecast?",
        "Two of the seven hold for both, two for software alone.",
    ),
}
