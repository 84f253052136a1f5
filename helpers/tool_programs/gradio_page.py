"""A form for one flight, in Gradio: `python gradio_page.py PORT`."""

import sys

import gradio as gr
from forecast import FLIGHT, late

asked = []


def chance(departure_minute, wind_speed, origin):
    """Forecast the flight of the form.

    Parameters
    ----------
    departure_minute : float
    wind_speed : float
    origin : str

    Returns
    -------
    tuple of (float, int)
        The chance, and how often this page has been asked.
    """
    asked.append(origin)
    changes = {"departure_minute": departure_minute, "wind_speed": wind_speed, "origin": origin}
    return late(FLIGHT | changes), len(asked)


form = [
    gr.Slider(0, 1439, FLIGHT["departure_minute"], label="minute of departure"),
    gr.Slider(0, 60, FLIGHT["wind_speed"], label="wind (mph)"),
    gr.Dropdown(["EWR", "JFK", "LGA"], value=FLIGHT["origin"], label="from"),
]
page = gr.Interface(chance, form, [gr.Number(label="chance"), gr.Number(label="asked")], api_name="chance")
page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
