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
    # your code here
    raise NotImplementedError


def ask(rows):
    """Send the flights to the API and give its answer: a dict with `version` and `late`.

    Raises Trouble, with the API's own reason, if it refuses; and if it is not ready, or not there.
    """
    # your code here
    raise NotImplementedError


def show():
    """Draw the page: an uploader, then the forecasts or what is wrong."""
    # your code here
    raise NotImplementedError


if __name__ == "__main__":
    show()
