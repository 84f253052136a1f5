"""A page on which people say what really came of a prediction. Streamlit runs it from top to bottom at each click.

    with feedback_app.start("predictions.db") as page:
        page

It asks before it tells: whoever has read the service's answer first tends to repeat it.
"""

import os
import time

from helpers import feedback, logged, streamlit_app
from helpers.prediction_file import LogError

WINDOW = 2_000  # predictions, those logged last, from which the questions are chosen
QUESTIONS = 40
ANSWERS = {"Late": True, "Not late": False}


def start(log, *, n=QUESTIONS, port=None):
    """Start the page in the background.

    Parameters
    ----------
    log : path-like
        As of `helpers.prediction_log`.
    n : int, default QUESTIONS
        How many questions: see `helpers.feedback.to_review`.
    port : int, optional
        A free one by default.

    Returns
    -------
    helpers.services.Service
        It is ready. It also works through the Jupyter server's proxy, where `url` says so.

    Raises
    ------
    helpers.services.ServiceError
        As in `services.start`.
    """
    env = {"FEEDBACK_LOG": str(log), "FEEDBACK_QUESTIONS": str(n)}
    return streamlit_app.start_page("Feedback page", __file__, env, port=port)


def show(log, n=QUESTIONS):
    """Draw the page.

    Parameters
    ----------
    log : path-like
    n : int, default QUESTIONS
    """
    import streamlit as st

    st.set_page_config(page_title="What came of it?", layout="centered")
    st.title("What came of these flights?")
    who = st.text_input("Your name or desk (kept with each answer)", key="who").strip()
    if who:
        try:
            _show_questions(log, n, who)
        except LogError as error:
            st.error(str(error))
    else:
        st.info("Say who you are, and the first flight appears.")


def _show_questions(log, n, who):
    import streamlit as st

    queue, said = _queue(log, n), feedback.corrections(log)
    _tell_last(log, who)
    own = said[said["who"] == who]
    done = set(zip(own["request_id"], own["row"], strict=True)) | st.session_state.setdefault("skipped", {}).get(who, set())
    waiting = [row for row in queue if _key(row) not in done]
    st.progress(1 - len(waiting) / max(len(queue), 1), f"{len(queue) - len(waiting)} of {len(queue)} looked at")
    if waiting:
        _ask(log, who, waiting[0])
    else:
        st.success("Nothing is left to look at. Thank you.")


def _key(row):
    return row["request_id"], row["row"]


def _queue(log, n):
    """The questions, the same for every reviewer as long as the page is open: two answers to one flight can be compared."""
    import streamlit as st

    if "queue" not in st.session_state:
        rows = logged.read(log, last=WINDOW)
        chosen = feedback.to_review(rows, n) if len(rows) else rows
        st.session_state["queue"] = chosen.to_dict("records")
    return st.session_state["queue"]


def _ask(log, who, row):
    import streamlit as st

    hour, minute = divmod(int(row["departure_minute"]), 60)
    with st.container(border=True):
        st.subheader(f"{row['carrier']}, {row['origin']} to {row['dest']}")
        st.write(f"{row['weekday']}, scheduled at {hour:02d}:{minute:02d}, {row['distance']:,.0f} miles")
        st.write("Did it arrive 15 or more minutes late?")
        columns = st.columns(3)
        for column, (label, late) in zip(columns, ANSWERS.items(), strict=False):
            column.button(label, key=label, width="stretch", on_click=_answer, args=(log, who, row, late))
        columns[2].button("I do not know", key="skip", width="stretch", on_click=_skip, args=(who, row))


def _answer(log, who, row, late):
    import streamlit as st

    try:
        logged.add_outcomes(log, [(row["request_id"], row["row"], late, time.time(), who)])
    except (LogError, ValueError) as error:
        st.session_state["told"] = who, f"Not recorded: {error}", None
    else:
        st.session_state["told"] = who, f"Recorded: {'late' if late else 'not late'}.", (row, late)


def _skip(who, row):
    import streamlit as st

    st.session_state["skipped"].setdefault(who, set()).add(_key(row))
    st.session_state["told"] = None


def _tell_last(log, who):
    """What was recorded, what the service had said, and a way back."""
    import streamlit as st

    by, text, last = st.session_state.get("told") or (None, None, None)
    if by == who and last is None:
        st.error(text)
    elif by == who:
        row, late = last
        st.info(f"{text} {row['carrier']} to {row['dest']}: the service had given it {row['late']:.0%} to be late.")
        st.button(f"I meant {'not late' if late else 'late'}", key="other", on_click=_answer, args=(log, who, row, not late))


if __name__ == "__main__":
    show(os.environ["FEEDBACK_LOG"], int(os.environ.get("FEEDBACK_QUESTIONS", QUESTIONS)))
