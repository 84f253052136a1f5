"""The flights app in Streamlit: upload a CSV, see the forecasts, and what was wrong with which row.

    with streamlit_app.start(api.local_url) as app:
        app

The file is the app itself: `python -m streamlit run helpers/streamlit_app.py`, the API's address in FLIGHT_API.
"""

import os
import re
import sys

from helpers import forecasts, services, uploads

DEFAULT_API = "http://127.0.0.1:8000/"
SHOWN = 1_000  # rows of a table on the page; the download has all
SETTINGS = {
    "server.headless": "true",
    "server.maxUploadSize": str(uploads.LARGEST_UPLOAD // uploads.MB),
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",  # to the log, not to the visitor
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
}


def start(api_url, *, port=None):
    """Start the app in the background.

    Parameters
    ----------
    api_url : str
        Of the flight API, such as `serving.start(registry_url).local_url`.
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
    return start_page("Streamlit app", __file__, {"FLIGHT_API": api_url}, port=port)


def start_page(name, file, env, *, port=None):
    """Start any Streamlit page in the background, with the settings that all pages here share.

    Parameters
    ----------
    name : str
        As in `services.start`.
    file : path-like
        The page.
    env : dict of str to str
        What it needs to know.
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
    settings = {**SETTINGS, "server.address": services.LOOPBACK, "server.port": "{port}"}
    if os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):  # through a hub its name cannot be known here; the hub guards the door
        settings |= {"server.enableCORS": "false", "server.enableXsrfProtection": "false"}
    options = [part for key, value in settings.items() for part in (f"--{key}", value)]
    command = [sys.executable, "-m", "streamlit", "run", str(file), *options]
    return services.start(name, command, ready="/_stcore/health", port=port, env=env, timeout=60)


def show(api_url):
    """Draw the page. Streamlit runs this from top to bottom at each click.

    Parameters
    ----------
    api_url : str
    """
    import streamlit as st

    st.set_page_config(page_title="Flight delay", layout="centered")
    st.title("Which flights will arrive late?")
    st.write(_plain(forecasts.INVITATION))
    file = st.file_uploader("CSV of flights")
    if file is not None:
        _show_report(file, api_url)


def _show_report(file, api_url):
    import streamlit as st

    try:
        report = _report(file, api_url)
    except forecasts.TOLD as error:
        st.error(_plain(str(error)))
        return
    if report.table.empty:
        st.error(_plain(report.summary()))
    else:
        _show_forecasts(report)
    if not report.problems.empty:
        st.subheader("What was wrong")
        _show_problems(report.problems)


def _report(file, api_url):
    """The file's report, made once: a moved slider asks for no new forecast."""
    import streamlit as st

    known = st.session_state.get("report", (None, None))
    if known[0] != file.file_id:
        known = st.session_state["report"] = (file.file_id, forecasts.make(file, api_url))
    return known[1]


def _show_forecasts(report):
    import streamlit as st

    place = st.empty()
    threshold = st.slider("Called late from this probability on", 0.05, 0.95, forecasts.THRESHOLD, 0.05)
    place.info(_plain(report.summary(threshold)))
    st.pyplot(forecasts.figure(report.table[forecasts.PROBABILITY], threshold))
    st.subheader("Forecasts, in the order of the file")
    _show_table(report.table)
    st.download_button("Download all forecasts as CSV", report.table.to_csv(index=False), "forecasts.csv", "text/csv")


def _show_table(table):
    import streamlit as st

    st.dataframe(table.head(SHOWN).round(4), hide_index=True, height="auto" if len(table) < 8 else 320)
    _tell_rest(table, SHOWN)


def _show_problems(problems):
    """As a plain table: it breaks long sentences, so that they can be read on a phone."""
    import streamlit as st

    first = problems.head(SHOWN // 10)
    st.table(first.map(lambda cell: _plain(str(cell))), hide_index=True, height="content" if len(first) < 12 else 400)
    _tell_rest(problems, SHOWN // 10)


def _tell_rest(table, shown):
    import streamlit as st

    if len(table) > shown:
        st.caption(f"The first {shown:,} of {len(table):,} rows.")


def _plain(text):
    """Text that Markdown leaves as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


if __name__ == "__main__":
    show(os.environ.get("FLIGHT_API", DEFAULT_API))
