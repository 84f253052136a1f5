"""Prints the alerts that Alertmanager sends. `python alerts.py PORT`; start.py uses it where there is no ALERT_WEBHOOK."""

import http.server
import json
import sys

from settings import LISTEN


class Printer(http.server.BaseHTTPRequestHandler):
    """Takes Alertmanager's POST."""

    def do_GET(self):
        """Say that it is here."""
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        """Print a line an alert."""
        try:
            message = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            for alert in message["alerts"]:
                summary = alert["annotations"].get("summary", "")
                print(f"{alert['status'].upper()} {alert['labels']['alertname']}: {summary}", flush=True)
            self.send_response(200)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing of requests."""


if __name__ == "__main__":
    http.server.HTTPServer((LISTEN, int(sys.argv[1])), Printer).serve_forever()
