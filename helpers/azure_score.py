"""The score script that Azure ML's inference server runs: the same model, the same strict reading, Azure's two functions.

`AZUREML_MODEL_DIR` names a folder as from `helpers.model_source.save`; the environment is the extra `azure`.
Source: "How to deploy a model with an online endpoint" and "Azure ML inference HTTP server" in Microsoft's documentation.
"""

import os

import orjson
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

from helpers import flight_schema, model_source

served = None


def init():
    """Load the model; Azure calls this once, before any request.

    Raises
    ------
    helpers.onnx_model.ModelError
        There is no model, or it is not the one on record: the server does not start.
    """
    global served
    served = model_source.load(os.environ["AZUREML_MODEL_DIR"])


@rawhttp  # the body as bytes and the status as we choose it; without, each refusal would be a 500
def run(request):
    """Answer one request to `/score`.

    Parameters
    ----------
    request : flask.Request
        Its body as for `/predict`: one flight, or a list.

    Returns
    -------
    AMLResponse
        200 with `version` and `late`; 422 with `problems`.
    """
    try:
        matrix = served.model.encode(flight_schema.read_flights(request.get_data()))
    except flight_schema.BadFlights as error:
        return _reply(422, {"problems": error.problems})
    return _reply(200, {"version": served.version, "late": served.model.probability_late(matrix)})


def _reply(status, content):
    raw = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return AMLResponse(raw, status, {"Content-Type": "application/json"})
