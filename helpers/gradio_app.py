"""The flights app in Gradio: upload a CSV, see the forecasts, and what was wrong with which row.

    with gradio_app.start(api.local_url) as app:
        app

Run as a program it is the app itself: `python -m helpers.gradio_app --api http://127.0.0.1:8000/ --port 7860`.
"""

import argparse
import html
import os
import sys
import tempfile
from pathlib import Path

from helpers import forecasts, services, uploads

DEFAULT_API = "http://127.0.0.1:8000/"
SHOWN = 1_000  # rows of a table on the page; the download has all
OFFLINE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
STYLE = """
.told { font-size: 1.05rem; padding: 0.6rem 0.9rem; border-left: 4px solid #2e6f95; background: #eef4f8; color: #1c2b36; }
.told.wrong { border-color: #c8553d; background: #fbefec; }
"""


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
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    root = ["--root-path", f"{prefix.rstrip('/')}/proxy/{{port}}"] if prefix else []
    command = [sys.executable, "-m", "helpers.gradio_app", "--api", api_url, "--port", "{port}", *root]
    return services.start("Gradio app", command, ready="/", port=port, env=OFFLINE, timeout=60)


def make_app(api_url):
    """Lay out the page and say what happens when.

    Parameters
    ----------
    api_url : str

    Returns
    -------
    gradio.Blocks
        Its endpoint `/forecast` takes a file and a threshold, for `gradio_client`.
    """
    import gradio as gr

    with gr.Blocks(title="Flight delay", analytics_enabled=False, delete_cache=(600, 3600)) as app:
        gr.Markdown(f"# Which flights will arrive late?\n{forecasts.INVITATION}")
        file = gr.File(label="CSV of flights", height=140)
        told = gr.HTML()
        with gr.Column(visible=False) as results:
            threshold = gr.Slider(0.05, 0.95, forecasts.THRESHOLD, step=0.05, label="Called late from this probability on")
            plot = gr.Plot(show_label=False)
            table = gr.Dataframe(label=f"Forecasts, in the order of the file (at most {SHOWN:,} are shown)", max_height=320)
            download = gr.DownloadButton("Download all forecasts as CSV")
        with gr.Column(visible=False) as wrong:
            problems = gr.Dataframe(
                label=f"What was wrong (at most {SHOWN:,} are shown)",
                max_height=320,
                wrap=True,
                column_widths=["60px", "26%", "20%", "37%"],
            )
        report = gr.State(time_to_live=3600)

        def see(path, threshold):
            return _see(api_url, path, threshold)

        shown = [told, plot, table, problems, download, results, wrong, report]
        file.change(see, [file, threshold], shown, api_name="forecast", concurrency_limit=4)
        threshold.release(_redraw, [report, threshold], [told, plot], api_visibility="private")
    return app


def _see(api_url, path, threshold):
    """What the page shows for an uploaded file; None where it was taken away."""
    import gradio as gr

    hidden = (None, None, None, None, gr.Column(visible=False), gr.Column(visible=False), None)
    if path is None:
        return "", *hidden
    try:
        report = forecasts.make(path, api_url)
    except forecasts.TOLD as error:
        return _sentence(str(error), wrong=True), *hidden
    folder = tempfile.TemporaryDirectory(prefix="forecasts-")  # kept with the session's state: it goes when that goes
    file = Path(folder.name) / "forecasts.csv"
    report.table.to_csv(file, index=False)
    told, plot = _redraw((report, folder), threshold)
    return (
        told,
        plot,
        report.table.head(SHOWN).round(4),
        report.problems.head(SHOWN),
        str(file),
        gr.Column(visible=not report.table.empty),
        gr.Column(visible=not report.problems.empty),
        (report, folder),
    )


def _redraw(state, threshold):
    report, _ = state
    summary = _sentence(report.summary(threshold), wrong=report.table.empty)
    return summary, forecasts.figure(report.table[forecasts.PROBABILITY], threshold)


def _sentence(text, *, wrong=False):
    return f'<div role="status" class="told{" wrong" if wrong else ""}">{html.escape(text)}</div>'


def launch(api_url, **options):
    """Serve the app; blocks until it is told to stop.

    Parameters
    ----------
    api_url : str
    **options : object
        Of Gradio's own `launch`, such as `server_port`.
    """
    import gradio as gr

    os.environ.update(OFFLINE)
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])  # none from the internet
    make_app(api_url).launch(
        share=False,
        max_file_size=uploads.LARGEST_UPLOAD,
        theme=theme,
        css=STYLE,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        quiet=True,
        **options,
    )


def main(arguments=None):
    """Serve the app on this machine.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.gradio_app", description="The flights app in Gradio.")
    parser.add_argument("--api", default=os.environ.get("FLIGHT_API", DEFAULT_API), metavar="URL", help="of the flight API")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--root-path", default=None, help="where a proxy shows it, such as /user/me/proxy/7860")
    options = parser.parse_args(arguments)
    launch(options.api, server_name=services.LOOPBACK, server_port=options.port, root_path=options.root_path)


if __name__ == "__main__":
    main()
