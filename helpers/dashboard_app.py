"""The dashboard as a Streamlit page: the panels of `helpers.dashboard`, and the alerts that fire.

    with dashboard_app.start(prometheus.local_url) as page:
        page

The file is the app itself: `python -m streamlit run helpers/dashboard_app.py`, the address of Prometheus in PROMETHEUS.
"""

import os

from helpers import alert_state, dashboard, streamlit_app

DEFAULT_PROMETHEUS = "http://127.0.0.1:9090/"
REFRESH = 5  # seconds
SPANS = {"1 minute": 60, "5 minutes": 300, "1 hour": 3600}


def start(prometheus, *, port=None):
    """Start the page in the background.

    Parameters
    ----------
    prometheus : str
        Its address, such as `alerting.prometheus(...).local_url`.
    port : int, optional
        A free one by default.

    Returns
    -------
    helpers.services.Service
        It is ready.

    Raises
    ------
    helpers.services.ServiceError
        As in `services.start`.
    """
    return streamlit_app.start_page("Dashboard", __file__, {"PROMETHEUS": prometheus}, port=port)


def show(prometheus):
    """Draw the page.

    Parameters
    ----------
    prometheus : str
    """
    import streamlit as st

    st.set_page_config(page_title="Flight delay: dashboard", layout="wide")
    st.title("The flight service")
    seconds = SPANS[st.radio("Shown", list(SPANS), horizontal=True)]
    st.fragment(_refreshed, run_every=REFRESH)(prometheus, seconds)


def _refreshed(prometheus, seconds):
    import streamlit as st

    try:
        told = alert_state.alerts(prometheus)
        _show_alerts([each for each in told if each["state"] == "firing"])
        for place, panel in enumerate(dashboard.PANELS):
            if place % 3 == 0:
                columns = st.columns(3)  # a row each, so that a phone shows them in order
            with columns[place % 3]:
                st.pyplot(dashboard.figure(prometheus, seconds=seconds, columns=1, panels=[panel]))
    except alert_state.AlertingError as error:
        st.error(str(error))


def _show_alerts(firing):
    import streamlit as st

    if not firing:
        st.success("No alert is firing.")
        return
    st.error(f"{len(firing)} alert{'s' * (len(firing) > 1)} firing")
    rows = [
        {
            "alert": each["name"],
            "severity": each["labels"].get("severity", ""),
            "what": each["annotations"].get("summary", ""),
            "what to do": _link(each["annotations"].get("runbook_url", "")),
        }
        for each in firing
    ]
    st.table(rows)


def _link(runbook):
    """A table of Streamlit's reads Markdown. A path alone would lead into the page itself, so it stays text."""
    return f"[runbook]({runbook})" if runbook.startswith(("http://", "https://")) else runbook


if __name__ == "__main__":
    show(os.environ.get("PROMETHEUS", DEFAULT_PROMETHEUS))
