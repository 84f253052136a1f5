"""Visitors of the trial pages, without a browser: they speak with a page as its own part in the browser does.

with tool_visits.StreamlitVisitor(page.service) as visitor:
    visitor.press()
"""

import contextlib
import json
import os
import time
from unittest import mock

import httpx

from helpers import services

PATIENCE = 30.0  # seconds that an answer may take
FIELDS = ("departure_minute", "wind_speed", "origin")  # of both forms, in order


class VisitError(Exception):
    """A page gave no answer, or another than was expected; the message says what came."""


class StreamlitVisitor:
    """One open page of a Streamlit app. The script has run once when it is made.

    Parameters
    ----------
    service : helpers.services.Service
        Of the app.
    """

    def __init__(self, service):
        from websockets.sync.client import connect

        self._button, self._stack = None, contextlib.ExitStack()
        where = f"ws://{services.LOOPBACK}:{service.port}/_stcore/stream"
        self._line = self._stack.enter_context(connect(where, subprotocols=["streamlit"], proxy=None))
        self._run()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Close the page."""
        self._stack.close()

    def press(self):
        """Press the page's button, and wait until the script has run.

        Returns
        -------
        dict of str to float
            The numbers that the page shows, by their labels.

        Raises
        ------
        VisitError
            The page has no button, shows an exception, or is not done in time.
        """
        if self._button is None:
            raise VisitError("The page has no button to press: expected a form with one.")
        return self._run(self._button)

    def _run(self, pressed=None):
        order = _messages()[0]()
        order.rerun_script.query_string = ""
        if pressed:
            widget = order.rerun_script.widget_states.widgets.add()
            widget.id, widget.trigger_value = pressed, True
        self._line.send(order.SerializeToString())
        shown = {}
        for element in self._elements():
            kind = element.WhichOneof("type")
            if kind == "exception":
                raise VisitError(f"The page shows {element.exception.type}: {element.exception.message}")
            if kind == "button":
                self._button = element.button.id
            if kind == "metric":
                shown[element.metric.label] = float(element.metric.body)
        return shown

    def _elements(self):
        """What the page shows, one after another, until the script has ended."""
        while True:
            told = _messages()[1]()
            try:
                told.ParseFromString(self._line.recv(timeout=PATIENCE))
            except TimeoutError:
                raise VisitError(f"The page was not done within {PATIENCE:g} s.") from None
            if told.WhichOneof("type") == "script_finished":
                return
            if told.WhichOneof("type") == "delta" and told.delta.WhichOneof("type") == "new_element":
                yield told.delta.new_element


def _messages():
    """Streamlit's messages to and from a page. Its import sets MPLBACKEND, which would leave a notebook without pictures."""
    with mock.patch.dict(os.environ):
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    return BackMsg, ForwardMsg


def first_forecast(page, flight):
    """Wait until a page has shown its first forecast: more than "ready", which a page may say before it has read its script.

    Parameters
    ----------
    page : helpers.tool_trials.Measured
        A page that has been started, and that nobody has opened.
    flight : dict
        The flight that the page's form begins with.

    Returns
    -------
    tuple of (float, float)
        Seconds from the order to start until the forecast was there, and the forecast.

    Raises
    ------
    VisitError
        The page gave no forecast.
    """
    begin = time.perf_counter()
    if "gradio" in page.service.name:
        chance = ask_gradio(page.service, [flight[name] for name in FIELDS])[0]
    else:
        with StreamlitVisitor(page.service) as visitor:
            chance = visitor.press()["chance"]
    return page.seconds + time.perf_counter() - begin, chance


def ask_gradio(service, values, *, endpoint="chance"):
    """Ask a function of a Gradio app, as any program may: by two requests of HTTP.

    Parameters
    ----------
    service : helpers.services.Service
        Of the app.
    values : list
        One for each field of the form, in order.
    endpoint : str, default "chance"
        The function's `api_name`.

    Returns
    -------
    list
        What the function returned.

    Raises
    ------
    VisitError
        There is no such function, or it failed.
    """
    where = f"{service.local_url}gradio_api/call/{endpoint}"
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        order = client.post(where, json={"data": list(values)})
        if order.status_code != 200:
            raise VisitError(f"The page has no function {endpoint!r}: it answers {order.status_code}.")
        lines = client.get(f"{where}/{order.json()['event_id']}").text.splitlines()
    told = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    if "event: complete" not in lines:
        raise VisitError(f"The function {endpoint!r} failed: {told[-1] if told else 'the page does not say why'}.")
    return json.loads(told[-1])
