"""The page of the mini project: `python -m streamlit run app.py` in this folder.

It asks the API at the address in the environment variable FLIGHT_API. What it shows is in the notebook.
"""

import json
import os

import httpx
import pandas as pd
import streamlit as st
from helpers import flights

API = os.environ.get("FLIGHT_API", "http://127.0.0.1:8000/")
TIMEOUT = 10  # seconds


class Trouble(Exception):
    """What a visitor should be told; the message is a sentence."""


def read_rows(file):
    """Turn an uploaded CSV into a list of dicts, one a flight, with the 14 fields; a gap becomes None.

    Raises Trouble where it is no CSV, or lacks a column.
    """
    ### BEGIN SOLUTION
    text = dict.fromkeys(flights.CATEGORICAL, str)
    try:
        table = pd.read_csv(file, dtype=text, keep_default_na=False, na_values=dict.fromkeys(flights.NUMERIC, [""]))
    except ValueError as error:  # pandas' own errors, and those of the encoding, are of this kind
        raise Trouble("This file cannot be read: upload a CSV in UTF-8, with commas and a header.") from error
    absent = [name for name in flights.FEATURES if name not in table]
    if absent:
        raise Trouble(f"The file lacks the column {absent[0]}.")
    if table.empty:
        raise Trouble("The file holds no flights.")
    return json.loads(table[list(flights.FEATURES)].to_json(orient="records"))
    ### END SOLUTION


def ask(rows):
    """Send the flights to the API and give its answer: a dict with `version` and `late`.

    Raises Trouble, with the API's own reason, if it refuses; and if it is not ready, or not there.
    """
    ### BEGIN SOLUTION
    try:
        reply = httpx.post(f"{API.rstrip('/')}/predict", json=rows, timeout=TIMEOUT, trust_env=False)
    except httpx.HTTPError as error:
        raise Trouble("The flight API does not answer: try again in a minute.") from error
    if reply.status_code == 422:
        told = reply.json()["problems"][0]
        raise Trouble(f"A flight of the file cannot be forecast: {told['where']}: {told['problem']}")
    if reply.status_code != 200:
        raise Trouble(f"The flight API cannot forecast now (status {reply.status_code}): try again in a minute.")
    return reply.json()
    ### END SOLUTION


def show():
    """Draw the page: an uploader, then the forecasts or what is wrong."""
    ### BEGIN SOLUTION
    st.title("Which flights will arrive late?")
    st.write(f"Upload a CSV with the columns {', '.join(flights.FEATURES)}.")
    file = st.file_uploader("CSV of flights")
    if file is None:
        return
    try:
        rows = read_rows(file)
        answer = ask(rows)
    except Trouble as trouble:
        st.error(str(trouble))
        return
    st.write(f"{len(rows)} flights, forecast by model version {answer['version']}.")
    table = pd.DataFrame(rows)
    table.insert(0, "probability of being late", [round(p, 4) for p in answer["late"]])
    st.dataframe(table, hide_index=True)
    ### END SOLUTION


if __name__ == "__main__":
    show()
