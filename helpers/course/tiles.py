"""The workbook's tiles in JupyterLab's launcher: what jupyter-server-proxy starts when one is pressed.

Each starts `helpers.course.tile_server`, which looks for the learner's stores at that moment. Nothing heavy may be imported
here: every start of a Jupyter server reads this.
"""

import sys
from pathlib import Path

ICONS = Path(__file__).parent / "jupyter" / "icons"
PATIENCE = 60  # seconds for the small page server, on a slow and busy machine


def mlflow():
    """MLflow's own pages, on a tracking store.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("mlflow", "MLflow")


def tensorboard():
    """TensorBoard, on the logs of a lesson.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("tensorboard", "TensorBoard")


def streamlit():
    """The Streamlit app of lesson 32, on a model.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("streamlit", "Streamlit app")


def gradio():
    """The Gradio app of lesson 32, on a model.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("gradio", "Gradio app")


def prometheus():
    """Prometheus: the one that a lesson runs, or one on a log of predictions.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("prometheus", "Prometheus")


def progress():
    """The picture of the learner's progress, kept up to date.

    Returns
    -------
    dict
        As jupyter-server-proxy wants it.
    """
    return _tile("progress", "Your progress")


def _tile(name, title):
    return {
        "command": [sys.executable, "-m", "helpers.course.tile_server", name, "--port", "{port}", "--base", "{base_url}"],
        "timeout": PATIENCE,
        # Of the launcher's own categories only "Notebook" and "Console" show a tile's picture.
        "launcher_entry": {"title": title, "icon_path": str(ICONS / f"{name}.svg"), "category": "Notebook"},
    }
