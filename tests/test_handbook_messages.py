"""The messages in the guide: read from the banks, certain or left out, and in the very words that a learner sees."""

import re

import numpy as np

from helpers.course import asking, handbook_guide, handbook_messages, handbook_pages, handbook_plan
from tests.notebook_files import ROOT


def questions():
    return {name: question for bank in asking.catalogue().values() for name, question in bank.items()}


def test_most_mistakes_have_their_message_and_none_another_questions():
    every = questions()
    told = handbook_messages.messages(every)
    assert set(told) == set(every) and all(set(told[name]) <= set(every[name].misconceptions) for name in every)
    known = sum(map(len, told.values()))
    assert known > 0.7 * sum(len(question.misconceptions) for question in every.values())
    assert all(len(text.split()) >= 4 and "\n" not in text for found in told.values() for text in found.values())


def test_a_message_is_what_the_learner_sees():
    every = questions()
    told = handbook_messages.messages(every)["00.1"]

    def percent(table):
        return 100 * table["late"].dropna().mean() if table["late"].notna().any() else None

    seen = every["00.1"].probe(percent, np.random.default_rng(1))
    verdict = every["00.1"].judge(seen, np.random.default_rng(1))
    assert verdict.misconception == "percent"
    parts = [re.escape(part) for part in told["percent"].split("…")]
    assert re.fullmatch(".*".join(parts), verdict.reason, re.DOTALL)


def test_the_guide_holds_them_folded():
    every = {name: question for name, question in questions().items() if name.startswith("00.")}
    sheet = next(sheet for sheet in handbook_plan.course(ROOT) if sheet.kind == "exercise" and sheet.number == "00")
    page = handbook_pages.notebook_page(ROOT, sheet, every)
    text = handbook_guide.mistakes([page], every)
    assert "<summary>What the check of 00.1 says</summary><ul><li><em>none arrived</em>: Right where flights arrived." in text
