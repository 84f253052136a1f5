"""The small page server behind a launcher tile: it says what there is to open, opens it, and sends the browser there.

    python -m helpers.course.tile_server mlflow --port 8100 --base /user/x/

jupyter-server-proxy starts it when the tile is pressed. It listens on 127.0.0.1 alone, and ends, with all that it started,
when the Jupyter server does.
"""

import argparse
import contextlib
import datetime
import http.server
import os
import socketserver
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import jinja2
import psutil

from helpers import _guardian, services
from helpers.course import tile_progress, tile_stores, tile_tools

PAGE = Path(__file__).parent / "jupyter" / "tile.html"
RUNNING = "running:"  # begins the name of something that a lesson runs


class Front:
    """What a tile knows and has opened. One program at a time: opening another store closes the one before.

    Parameters
    ----------
    name : str
        A key of `tile_tools.TOOLS`.
    base : str
        The Jupyter server's own path, such as "/" or "/user/x/".
    folder : pathlib.Path
        The workbook.
    own : pathlib.Path
        A temporary folder, to be taken away at the end.
    """

    def __init__(self, name, base, folder, own):
        self.tool, self.base, self.folder, self._own = tile_tools.TOOLS[name], base, folder, own
        self._turn, self._open, self._services = threading.Lock(), None, []

    def page(self, wanted=None):
        """The first page.

        Parameters
        ----------
        wanted : str, optional
            The name of the store that was chosen: the page then says that it is being opened, and has that done.

        Returns
        -------
        str
            HTML: what can be opened; or what is absent, and the remedy.
        """
        command = tile_tools.absent(self.tool)
        if command:
            return _page(self.tool, "absent", command=command)
        mine = {service.port for service in self._services}
        live = [port for port in tile_tools.running(self.tool, self.folder) if port not in mine]
        stores = self.tool.find(self.folder)
        names = [f"{RUNNING}{port}" for port in live] + [store.name for store in stores]
        chosen = wanted if wanted in [*names, tile_tools.TRIAL] else names[0] if len(names) == 1 else None
        state = "opening" if chosen else "several" if names else "none"
        return _page(self.tool, state, stores=stores, live=live, chosen=chosen, running=RUNNING, trial=tile_tools.TRIAL)

    def open(self, name, host):
        """Open the program, unless it is open on this store already.

        Parameters
        ----------
        name : str
            Of a store, as on the page.
        host : str
            What the browser calls the Jupyter server.

        Returns
        -------
        str
            The address to go to, seen from this server's own.

        Raises
        ------
        LookupError
            There is no such store any more.
        helpers.services.ServiceError
            The program did not start; the message says why.
        """
        direct = self.base == "/" and urllib.parse.urlsplit(f"//{host}").hostname in ("127.0.0.1", "localhost")
        with self._turn:
            port = self._running(name) if name.startswith(RUNNING) else self._started(name, direct)
        page = tile_tools.landing(self.tool, port)
        return f"http://{services.LOOPBACK}:{port}/{page}" if direct else f"../proxy/{port}/{page}"

    def _running(self, name):
        ports = {f"{RUNNING}{port}": port for port in tile_tools.running(self.tool, self.folder)}
        return ports[name]

    def _started(self, name, direct):
        path = self._path(name)
        if self._open != (path, direct) or any(service.ended() for service in self._services):
            for service in reversed(self._services):
                service.stop()
            self._open, self._services = None, []
            # The services ask for this: their addresses and what they allow differ behind a proxy.
            os.environ.pop("JUPYTERHUB_SERVICE_PREFIX", None)
            os.environ |= {} if direct else {"JUPYTERHUB_SERVICE_PREFIX": self.base}
            self._services, self._open = self.tool.start(path, self._own), (path, direct)
        return self._services[-1].port

    def _path(self, name):
        if name == tile_tools.TRIAL and self.tool.trial:
            return name
        return {store.name: store.path for store in self.tool.find(self.folder)}[name]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the browser; `front` is set by `serve`."""

    front = None

    def do_GET(self):
        """Answer."""
        where = urllib.parse.urlsplit(self.path)
        asked = dict(urllib.parse.parse_qsl(where.query))
        try:
            if isinstance(self.front, tile_progress.Front):
                self._send(200, self.front.picture() if where.path == "/picture" else self.front.page())
            elif where.path == "/open" and "store" in asked:
                self._go(self.front.open(asked["store"], self.headers.get("Host", "")))
            else:
                self._send(200, self.front.page(asked.get("store")))
        except LookupError:
            self._go("./")  # it has gone meanwhile: what there is now is on the first page
        except Exception as error:  # whatever the program says, the learner reads it here; the server goes on
            self._send(500, _page(self.front.tool, "wrong", problem=str(error)))

    def _go(self, address):
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, status, text):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the tab was closed
            self.wfile.write(content)

    def log_message(self, *arguments):
        """Say nothing: what is wrong is on the page."""


class _Server(socketserver.ThreadingTCPServer):
    """Not http.server's own: that asks the network for this machine's name first, which takes a minute where there is none."""

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there it would share the port with another program


def _page(tool, state, **known):
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["time"] = lambda when: f"{datetime.datetime.fromtimestamp(when):%d %B %Y, %H:%M}"
    template = environment.from_string(PAGE.read_text(encoding="utf-8"))
    return template.render(tool=tool, state=state, style=tile_progress.style(), **known)


def serve(name, port, base):
    """Serve a tile's pages until the process that started this one is gone.

    Parameters
    ----------
    name : str
        "progress", or a key of `tile_tools.TOOLS`.
    port : int
    base : str
        The Jupyter server's own path.
    """
    parent = psutil.Process(os.getppid())
    with tempfile.TemporaryDirectory(prefix="tile-") as own:
        front = tile_progress.Front() if name == "progress" else Front(name, base, tile_stores.workbook(), Path(own))
        server = _Server((services.LOOPBACK, port), type("TileHandler", (Handler,), {"front": front}))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        while _guardian.alive(parent):
            time.sleep(0.5)
        server.shutdown()


def main(arguments=None):
    """Serve a tile.

    Parameters
    ----------
    arguments : list of str, optional
        As on the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m helpers.course.tile_server", description="Pages behind a launcher tile.")
    parser.add_argument("tile", choices=["progress", *tile_tools.TOOLS])
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--base", default="/", metavar="PATH", help="of the Jupyter server, such as /user/x/")
    options = parser.parse_args(arguments)
    serve(options.tile, options.port, options.base)


if __name__ == "__main__":
    main()
