"""Listens for what Alertmanager tells."""

import http.server
import json
import threading

MOST = 1_000_000  # bytes of one message


class Webhook:
    """A small server on this machine that keeps the names of the alerts that it is told of. `close` ends it.

    Attributes
    ----------
    url : str
    told : list of str
        Names of firing alerts, in the order in which they came.
    """

    def __init__(self):
        self.told = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.told))
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def close(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _handler(told):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            try:
                length = int(self.headers.get("content-length") or 0)
                alerts = json.loads(self.rfile.read(max(0, min(length, MOST))))["alerts"]
                told.extend(each["labels"]["alertname"] for each in alerts if each["status"] == "firing")
                status = 200
            except (ValueError, KeyError, TypeError, RecursionError):
                status = 400  # not what Alertmanager's webhook sends
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    return Handler
