"""Chromium for tests: opened once a module, and the two apps of lesson 32 driven in it."""

import contextlib
import shutil

from tests.test_jupyterlab import CHROMIUM, PICTURES

SENTENCE = {"gradio": ".told", "streamlit": "[data-testid=stAlert]"}
QUIET = ("net::ERR_ABORTED",)  # a page that is left, or a stream that has ended, breaks off what it was listening to


@contextlib.contextmanager
def chromium(width=1280):
    """A browser that notes what its pages asked for beyond this machine, and what failed."""
    from playwright.sync_api import sync_playwright

    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        context = browser.new_context(viewport={"width": width, "height": 1000})
        context.set_default_timeout(60_000)
        context.wrong = []
        context.on("request", lambda request: _note_request(context.wrong, request))
        context.on("requestfailed", lambda request: _note_failure(context.wrong, request))
        yield context
        browser.close()


def _note_request(wrong, request):
    if request.url.startswith(("http", "ws")) and "://127.0.0.1:" not in request.url:
        wrong.append(f"asked for {request.url}")


def _note_failure(wrong, request):
    if request.failure not in QUIET:
        wrong.append(f"{request.failure} {request.url}")


def upload(page, kind, name, content):
    """Upload a file and read the sentence that comes."""
    page.locator("input[type=file]").wait_for(state="attached")
    if kind == "gradio":
        page.wait_for_timeout(1000)  # its page takes a file only once it listens
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "text/csv", "buffer": content})
    return page.locator(SENTENCE[kind]).inner_text()
