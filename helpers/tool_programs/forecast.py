"""What the four programs share: the model in this folder, and a flight to begin with."""

import json
import os
import time
from pathlib import Path

from helpers import model_source

FLIGHT = json.loads(Path("flight.json").read_text(encoding="utf-8"))
model = model_source.load("model").model


def late(flight):
    """Forecast one flight, after as many seconds as SLOW says (0 by default).

    Parameters
    ----------
    flight : dict
        With every feature.

    Returns
    -------
    float
        How likely it is to arrive late, 0 to 1.
    """
    time.sleep(float(os.environ.get("SLOW", 0)))
    return float(model.probability_late(model.encode([flight]))[0])
