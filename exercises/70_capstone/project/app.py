"""The page: a form, and the service's answer. `python -m streamlit run app.py`, or all with `python start.py`."""

import os

import httpx
import streamlit as st

import form
import settings as project

SERVICE = os.environ.get("SERVICE_URL") or f"http://{project.HOST}:{project.port('SERVICE_PORT', 8000)}"
TIMEOUT = 5  # seconds


class Trouble(Exception):
    """What a visitor is told; one sentence."""


def call(method, path, **options):
    """Ask the service, by `httpx.request`, whose place the tests take.

    Parameters
    ----------
    method, path : str
    **options : object
        For httpx.

    Returns
    -------
    dict or list

    Raises
    ------
    Trouble
        It is away (say that it does not answer), or refuses (say what is wrong).
    """
    # your code here
    raise NotImplementedError


# your code here
