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
    ### BEGIN SOLUTION
    try:
        reply = httpx.request(method, SERVICE + path, timeout=TIMEOUT, trust_env=False, **options)
        answer = reply.json()
    except (httpx.HTTPError, ValueError):
        raise Trouble("The service does not answer now. Try again in a minute.") from None
    if reply.status_code == 422:
        raise Trouble("; ".join(f"{each['field']}: {each['problem']}" for each in answer["problems"]))
    if reply.status_code != 200:
        raise Trouble(f"The service cannot answer now: {answer.get('problem', reply.status_code)}.")
    return answer
    ### END SOLUTION


### BEGIN SOLUTION
settings = project.load()
st.title(settings["project"]["name"])
st.write(f"How likely is it that **{settings['data']['target']}** is 1?")
try:
    row = form.ask(call("GET", "/schema"))
    if row is not None:
        answer = call("POST", "/predict", json=row)
        form.show(answer["probability"], answer["model_version"])
except Trouble as trouble:
    st.error(str(trouble))
### END SOLUTION
