"""Feedback: whom to ask, whether to believe it, what may train; and the page on which it is given."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from streamlit.testing.v1 import AppTest

from helpers import feedback, feedback_app, flights, logged, prediction_log
from tests.browser import PICTURES, chromium


@pytest.fixture(scope="module")
def january():
    return flights.features_and_target(flights.load(1).head(400))


@pytest.fixture
def file(january, tmp_path):
    X, _ = january
    probability = np.linspace(0.01, 0.9, len(X))
    with prediction_log.PredictionLog(tmp_path / "log.db") as log:
        for i in range(0, len(X), 100):
            log.append(f"r{i}", X.iloc[i : i + 100].to_dict("records"), probability[i : i + 100], version="1", when=1000.0 + i)
    return tmp_path / "log.db"


def test_the_latest_word_of_each_reviewer_counts_and_the_earlier_ones_stay(file):
    logged.add_outcomes(file, [("r0", 0, True, 2000, "a"), ("r0", 0, False, 2002, "b"), ("r0", 0, False, 2001, "a")])
    said = feedback.corrections(file)
    assert said[["who", "late"]].values.tolist() == [["a", False], ["b", False]]
    assert len(logged.outcome_history(file, "r0", 0)) == 3


def test_nothing_said_gives_no_rows(file):
    assert feedback.corrections(file).empty and list(feedback.corrections(file)) == list(feedback.SAID)
    assert feedback.training_table(logged.read(file), feedback.corrections(file), trusted=["a"]).empty


def test_half_is_uncertain_and_half_is_random(file):
    rows = logged.read(file)
    chosen = feedback.to_review(rows, 40, threshold=0.25, seed=1)
    near = chosen.loc[chosen["why"] == "uncertain", "late"]
    assert chosen["why"].value_counts().to_dict() == {"random": 20, "uncertain": 20}
    assert chosen.index.is_unique and (near - 0.25).abs().max() < 0.04
    assert not (chosen["why"].iloc[:20] == "random").all()
    assert chosen.equals(feedback.to_review(rows, 40, threshold=0.25, seed=1))
    assert len(feedback.to_review(rows, 10_000)) == len(rows)
    assert set(feedback.to_review(rows, 30, random_share=1)["why"]) == {"random"}


@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 5, "random_share": 1.2}])
def test_a_queue_that_cannot_be_is_refused(file, wrong):
    with pytest.raises(ValueError, match="expected"):
        feedback.to_review(logged.read(file), **wrong)


def test_agreement_is_scikit_learns_kappa():
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.random((2, 50)) < rng.uniform(0.2, 0.8)
        assert feedback.agreement(a, b)["kappa"] == pytest.approx(cohen_kappa_score(a, b))
    assert np.isnan(feedback.agreement([True] * 3, [True] * 3)["kappa"])
    with pytest.raises(ValueError, match="as many from both"):
        feedback.agreement([True], [True, False])


def test_a_reviewer_who_always_clicks_late_is_seen():
    truth = pd.DataFrame({"request_id": "r", "row": range(200), "late": [True, False, False, False] * 50})
    always = truth.assign(who="always", late=True, at=0.0)
    careful = truth.assign(who="careful", at=0.0)
    found = feedback.reviewers(pd.concat([always, careful]), truth).set_index("who")
    assert found.loc["always", "kappa"] == 0 and found.loc["careful", "kappa"] == 1
    assert found.loc["always", "said_late"] == 1 and found.loc["always", "late"] == 0.25


def test_the_threshold_is_the_one_that_brute_force_finds():
    rng = np.random.default_rng(3)
    for _ in range(20):
        p = rng.integers(0, 20, 60) / 20
        y = rng.random(60) < p
        y[:2] = True, False
        table = feedback.threshold_by_cost(y, p, miss=5, false_alarm=2)
        for row in table.itertuples():
            called = p >= row.threshold
            assert row.cost == pytest.approx(((y & ~called) * 5 + (~y & called) * 2).mean())
        assert sorted(set(p)) + [np.inf] == table["threshold"].tolist()
    with pytest.raises(ValueError, match="over 0"):
        feedback.threshold_by_cost(y, p, miss=0, false_alarm=1)


def test_only_what_trusted_reviewers_agree_on_trains(file, january):
    rows = logged.read(file)
    logged.add_outcomes(
        file,
        [
            ("r0", i, late, 2000, who)
            for i, late, who in (
                (0, True, "a"),
                (0, True, "b"),
                (1, True, "a"),
                (1, False, "b"),
                (2, False, "a"),
                (3, True, "stranger"),
                (4, True, "a"),
                (4, False, "stranger"),
            )
        ],
    )
    logged.add_outcomes(file, [("r0", 2, True, 2001, "a")])  # a second thought
    table = feedback.training_table(rows, feedback.corrections(file), trusted=["a", "b"])
    X, _ = january
    pd.testing.assert_frame_equal(table[list(flights.FEATURES)], X.iloc[[0, 2, 4]].reset_index(drop=True), check_dtype=False)
    assert table["late"].tolist() == [True, True, True]


# --- the page -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(file, monkeypatch):
    monkeypatch.setenv("FEEDBACK_LOG", str(file))
    monkeypatch.setenv("FEEDBACK_QUESTIONS", "3")
    page = AppTest.from_file(feedback_app.__file__, default_timeout=30).run()
    assert not page.exception
    return page


def test_nobody_answers_without_a_name(page):
    assert not page.button and "Say who you are" in page.info[0].value


def test_an_answer_is_kept_with_its_name_and_can_be_taken_back(page, file):
    page.text_input(key="who").set_value("desk 1").run()
    assert not page.info  # it asks before it tells
    page.button(key="Late").click().run()
    said = feedback.corrections(file)
    assert said[["who", "late"]].values.tolist() == [["desk 1", True]]
    assert "Recorded: late" in page.info[0].value and "the service had given it" in page.info[0].value
    page.button(key="other").click().run()
    said = feedback.corrections(file)
    assert said[["who", "late"]].values.tolist() == [["desk 1", False]]
    assert len(logged.outcome_history(file, said["request_id"][0], int(said["row"][0]))) == 2


def test_two_reviewers_see_the_same_flights_and_all_of_them_come_to_an_end(page, file):
    page.text_input(key="who").set_value("desk 1").run()
    for key in ("Late", "Not late", "skip"):
        page.button(key=key).click().run()
    assert "Nothing is left" in page.success[0].value
    page.text_input(key="who").set_value("desk 2").run()
    assert not page.info and not page.success
    for _ in range(3):
        page.button(key="Not late").click().run()
    said = feedback.corrections(file)
    keys = {who: set(zip(group["request_id"], group["row"], strict=True)) for who, group in said.groupby("who")}
    assert len(keys["desk 1"]) == 2 and keys["desk 1"] < keys["desk 2"]


def test_a_log_that_is_gone_is_told(page, file):
    page.session_state["queue"] = []
    file.unlink()
    page.text_input(key="who").set_value("desk 1").run()
    assert not page.exception and "There is no log" in page.error[0].value


@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_in_a_browser(file, width):
    with feedback_app.start(file, n=3) as app, chromium(width) as context:
        page = context.new_page()
        page.goto(app.local_url)
        page.get_by_label("Your name or desk").fill("desk 1")
        page.get_by_label("Your name or desk").press("Enter")
        page.get_by_role("button", name="Not late").click()
        page.get_by_text("Recorded: not late").wait_for()
        page.screenshot(path=PICTURES / f"feedback-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("button", name="I meant late").click()
        page.get_by_text("Recorded: late").wait_for()
        assert not context.wrong, context.wrong
    assert feedback.corrections(file)["late"].tolist() == [True]
