"""A program that opens a Streamlit page and tells what a visitor sees: by Streamlit's AppTest, or in Chromium.

    python -P -m helpers.course.bank.look apptest app.py
    python -P -m helpers.course.bank.look chromium /usr/bin/chromium

It reads a line of JSON with the page's address, {"url": …} ("" for AppTest), then one an upload, {"name": …, "content": base64},
and answers each with a line of what is seen. It ends when its input does. A process of its own, because a learner's page runs
in it.
"""

import base64
import contextlib
import json
import os
import sys

PATIENCE = 20  # seconds that one step of a page may take
LONGEST = 20_000  # characters of all that is on a page
BUTTON = "[data-testid=stButton] button, [data-testid=stFormSubmitButton] button"
SETTLED = """before => {
    const app = document.querySelector("[data-testid=stApp]")
    const tables = [...document.querySelectorAll("[data-testid=stDataFrame]")]
    const drawn = tables.every(table => table.querySelector("canvas th")) && !document.querySelector("[data-testid=stSkeleton]")
    const parts = document.querySelectorAll("[data-testid=stElementContainer]").length
    const done = drawn && app?.getAttribute("data-test-script-state") === "notRunning" && parts !== before
    window.since = done ? (window.since ?? Date.now()) : undefined
    return done && Date.now() - window.since > 300
}"""
PARTS = "[data-testid=stElementContainer]"
SCROLLER = ".dvn-scroller"
CELLS = "nodes => nodes.map(node => node.textContent)"


class ByAppTest:
    """The page's script, run without a browser."""

    def __init__(self, script):
        from streamlit.testing.v1 import AppTest

        self.page = AppTest.from_file(script, default_timeout=PATIENCE)

    def open(self, url):
        self.page.run()

    def upload(self, name, content):
        pressed = self._give((name, content, "text/csv"))
        if not pressed and self.page.button:  # it appears once there is a file
            self._give((name, content, "text/csv"))

    def _give(self, file):
        """The file, and a press on the page's button if it has one, in one run."""
        uploader, buttons = self.page.file_uploader[0], list(self.page.button)
        uploader.set_value([file] if uploader.accept_multiple_files else file)
        for button in buttons[:1]:
            button.click()
        self.page.run()
        return bool(buttons)

    def seen(self):
        page = self.page
        texts = [_text(element) for part in (page.main, page.sidebar) for element in _elements(part)]
        return {
            "exception": " ".join(str(element.message or element.value) for element in page.exception)[:400],
            "alerts": [str(element.value) for element in (*page.error, *page.warning)],
            "uploaders": len(page.file_uploader),
            "text": "\n".join(texts)[:LONGEST],
        }


def _elements(block):
    for child in block.children.values():
        if hasattr(child, "children"):
            yield from _elements(child)
        else:
            yield child


def _text(element):
    try:
        value = element.value
        if hasattr(value, "data") and hasattr(value.data, "to_dict"):
            value = value.data  # a table with a style
        if hasattr(value, "to_dict"):
            value = [f"{cell}" for column in value for cell in value[column]]
        return f"{getattr(element, 'label', '')} {value}"
    except Exception:  # an element that AppTest does not know
        return ""


class InChromium:
    """The page as it is served, in a browser; each upload is another visitor's."""

    def __init__(self, program):
        from playwright.sync_api import sync_playwright

        self.browser = sync_playwright().start().chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        self.page = self.browser.new_page(viewport={"width": 1600, "height": 1200})
        self.page.set_default_timeout(PATIENCE * 1000)

    def open(self, url):
        self.url, self.untouched = url, True
        self.page.goto(url)
        self._settle(0)

    def _settle(self, parts, seconds=PATIENCE):
        """Wait until all is drawn, and the page has not as many parts as before; or, at last, go on."""
        from playwright.sync_api import TimeoutError as TooLong

        with contextlib.suppress(TooLong):
            self.page.wait_for_function(SETTLED, arg=parts, polling=50, timeout=seconds * 1000)

    def upload(self, name, content):
        if not self.untouched:
            self.open(self.url)
        self.untouched = False
        parts, buttons = self.page.locator(PARTS).count(), self.page.locator(BUTTON).count()
        file = {"name": name, "mimeType": "text/csv", "buffer": content}
        self.page.set_input_files("input[type=file] >> nth=0", file)
        if not buttons:
            self._settle(parts, 6)
        else:  # a form draws nothing new before it is sent
            self.page.get_by_text(name).first.wait_for()
            self.page.wait_for_timeout(500)
        if self.page.locator(BUTTON).count():
            parts = self.page.locator(PARTS).count()
            self.page.locator(BUTTON).first.click()
            self._settle(parts, 6)

    def seen(self):
        page = self.page
        kinds = "[data-testid=stAlertContentError], [data-testid=stAlertContentWarning]"
        drawn = page.locator("canvas td").evaluate_all(CELLS)  # a table is drawn; its cells stand there for screen readers
        if page.locator(SCROLLER).evaluate_all("nodes => nodes.map(node => node.scrollLeft = 100000).length"):
            page.wait_for_timeout(300)
            drawn += page.locator("canvas td").evaluate_all(CELLS)
        return {
            "exception": " ".join(page.locator("[data-testid=stException]").all_inner_texts())[:400],
            "alerts": page.locator(kinds).all_inner_texts(),
            "uploaders": page.locator("input[type=file]").count(),
            "text": "\n".join([page.inner_text("[data-testid=stApp]"), *drawn])[:LONGEST],
        }


def main():
    """Open the page, then take it through the uploads."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the page prints is not for the reader of our lines
    kind, *place = sys.argv[1:]
    page, todo = None, iter(sys.stdin)
    while True:
        try:
            if page is None:
                page = (ByAppTest if kind == "apptest" else InChromium)(*place)
            order = json.loads(next(todo))
            if "url" in order:
                page.open(order["url"])
            else:
                page.upload(order["name"], base64.b64decode(order["content"]))
            told = page.seen()
        except StopIteration:
            break
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            told = {"failed": f"{type(error).__name__}: {lines[0]}"[:300]}
        print(json.dumps(told), file=out, flush=True)
        if page is None:
            break
    out.close()
    os._exit(0)  # whatever a page's threads still do


if __name__ == "__main__":
    main()
