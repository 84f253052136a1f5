"""Where alerts arrive, on this machine: a real SMTP server and a chat that takes Slack's messages.

    with mail_and_chat.mail_server() as mail:
        ...                                   # something sends to mail.address
        print(mail.wait_for(1)[0]["subject"])

Both keep what arrives and can be made to fail: `refuse`, `slow`, `down`, and `up` to mend them. Each runs in a thread of its
own, on a free port of 127.0.0.1, and ends with the notebook's kernel at the latest.
"""

import asyncio
import contextlib
import email
import email.policy
import html
import http.server
import json
import os
import socket
import threading
import time
import weakref

from aiosmtpd.controller import Controller

LOOPBACK = "127.0.0.1"
_open = {}  # by name


def mail_server(name="mail"):
    """Start an SMTP server. Running a cell again leaves one of a name, not two.

    Parameters
    ----------
    name : str, default "mail"
        What to call it.

    Returns
    -------
    MailServer
        It listens.
    """
    return MailServer(name)


def chat_server(name="chat"):
    """Start a web server that takes what is sent to a Slack webhook, and Alertmanager's own generic webhook.

    Parameters
    ----------
    name : str, default "chat"
        What to call it.

    Returns
    -------
    ChatServer
        It listens.
    """
    return ChatServer(name)


class Sink:
    """What a mail server and a chat have in common. Messages are dictionaries; `when` is in seconds since 1970.

    Parameters
    ----------
    name : str
        An earlier one of this name is stopped first.

    Attributes
    ----------
    port : int
        On 127.0.0.1. It stays the same, and nobody else gets it, while the server is down.
    refused : int
        How many messages were turned away; those are not kept.
    """

    def __init__(self, name):
        if name in _open:
            _open[name].stop()
        self.name, self.port, self.refused = name, 0, 0
        self._kept, self._changed, self._server, self._socket = [], threading.Condition(), None, None
        self._to_refuse, self._for_good, self._delay, self._stopped = 0, False, 0.0, False
        self._going_down = threading.Event()
        self._reserve()
        self.address = f"{LOOPBACK}:{self.port}"
        self.up()
        _open[name] = self

    @property
    def received(self):
        """What has arrived, oldest first: a list of dict."""
        with self._changed:
            return list(self._kept)

    def wait_for(self, number, seconds=10.0):
        """Wait until so many messages have arrived.

        Parameters
        ----------
        number : int
            Those that were there before count too: see `clear`.
        seconds : float, default 10.0
            The longest wait.

        Returns
        -------
        list of dict
            All that has arrived. It is shorter than `number` where the time was too short.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._kept) >= number, seconds)
            return list(self._kept)

    def clear(self):
        """Forget what has arrived."""
        with self._changed:
            self._kept.clear()
            self.refused = 0

    def refuse(self, times=float("inf"), *, for_good=False):
        """Turn messages away: mail with 451 once it has been read, chat with 503.

        Parameters
        ----------
        times : int, optional
            How many; all until `up` by default.
        for_good : bool, default False
            Say that trying again is no use: mail with 550, chat with 404, as for a webhook that was revoked.
        """
        self._to_refuse, self._for_good = times, for_good

    def slow(self, seconds):
        """Take so long over each message.

        Parameters
        ----------
        seconds : float
            Until the answer.
        """
        self._delay = seconds

    def down(self):
        """Stop listening: a connection is refused by the system, and one that is open is cut."""
        if self._server is not None:
            self._going_down.set()
            self._end_server()
            self._server = None
            self._reserve()

    def up(self):
        """Listen and take each message at once."""
        self._to_refuse, self._delay = 0, 0.0
        if self._server is None and not self._stopped:
            self._going_down.clear()
            self._server = self._start_server(self._socket)

    def stop(self):
        """End the server. What has arrived can still be read. Does nothing where that has been done."""
        self._stopped = True
        self.down()
        self._socket.close()
        if _open.get(self.name) is self:
            del _open[self.name]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def __repr__(self):
        state = "has stopped" if self._stopped else "listens" if self._server else "is down"
        return f"{self.name} {state} at {self.address}: {len(self.received)} arrived, {self.refused} refused."

    def _repr_html_(self):
        rows = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{html.escape(part)}</td>' for part in _shown(message)) + "</tr>"
            for message in self.received
        )
        return f"{html.escape(repr(self))}<table>{rows}</table>"

    def _reserve(self):
        """Hold the port without listening: a client that knocks cannot be given it as its own and meet itself."""
        self._socket = socket.socket()
        if os.name == "posix":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((LOOPBACK, self.port))
        self.port = self._socket.getsockname()[1]

    def _accepts(self):
        """Whether the next message is to be kept."""
        with self._changed:
            if self._to_refuse <= 0:
                return True
            self._to_refuse -= 1
            self.refused += 1
            return False

    def _keep(self, message):
        with self._changed:
            self._kept.append({**message, "when": time.time()})
            self._changed.notify_all()


class MailServer(Sink):
    """An SMTP server: each mail is a dictionary with `from`, `to` (list of str), `subject`, `body` and `when`."""

    def _start_server(self, listener):
        server = _OnSocket(self, hostname=LOOPBACK, port=self.port, ready_timeout=10)
        server.listener, server.talks = listener, weakref.WeakSet()
        server.start()
        return server

    def _end_server(self):
        self._server.cut()
        self._server.stop()

    async def handle_DATA(self, server, session, envelope):  # aiosmtpd's name for it
        """Take a mail.

        Parameters
        ----------
        server : aiosmtpd.smtp.SMTP
        session : aiosmtpd.smtp.Session
        envelope : aiosmtpd.smtp.Envelope

        Returns
        -------
        str
            The answer.
        """
        await asyncio.sleep(self._delay)
        if not self._accepts():
            return "550 No such mailbox" if self._for_good else "451 Try again later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        body = mail.get_body(("plain", "html"))
        text = body.get_content().replace("\r\n", "\n").strip() if body else ""
        self._keep({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": str(mail["subject"]), "body": text})
        return "250 OK"


class ChatServer(Sink):
    """A chat: each message is a dictionary with `format` ("slack" or "webhook"), `channel`, `title`, `text`, `raw` and `when`.

    `slack_url` is for Slack's format, `webhook_url` for Alertmanager's. What is neither is answered 400, as Slack does.
    """

    @property
    def slack_url(self):
        """For `api_url` of a Slack receiver."""
        return f"http://{self.address}/services/T0/B0/local"

    @property
    def webhook_url(self):
        """For `url` of a webhook receiver."""
        return f"http://{self.address}/webhook"

    def _start_server(self, listener):
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                status, told = sink._take(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                if status is None:
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told.encode())

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer((LOOPBACK, self.port), Handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        server.daemon_threads, server.block_on_close = True, False
        server.server_activate()
        threading.Thread(target=server.serve_forever, args=(0.05,), name=self.name, daemon=True).start()
        return server

    def _end_server(self):
        self._server.shutdown()
        self._server.server_close()

    def _take(self, body):
        if self._going_down.wait(self._delay):
            return None, ""
        if not self._accepts():
            return (404, "no_service") if self._for_good else (503, "service unavailable")
        try:
            self._keep(_read_chat(json.loads(body)))
        except (ValueError, TypeError, AttributeError, KeyError):
            return 400, "invalid_payload"
        return 200, "ok"


class _OnSocket(Controller):
    """aiosmtpd's server on a socket that is bound already, which cuts its connections when it ends."""

    def factory(self):
        talk = super().factory()
        self.talks.add(talk)
        return talk

    def cut(self):
        for talk in list(self.talks):
            with contextlib.suppress(OSError, AttributeError):  # over already, or not begun
                talk.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _create_server(self):
        return self.loop.create_server(self._factory_invoker, sock=self.listener)


def _read_chat(raw):
    if "alerts" in raw:
        alerts = raw["alerts"]
        title = f"[{raw['status'].upper()}] {raw['commonLabels'].get('alertname', raw['groupKey'])}"
        text = "\n".join(alert["annotations"].get("summary", "") for alert in alerts)
        return {"format": "webhook", "channel": raw["receiver"], "title": title, "text": text, "raw": raw}
    parts = raw.get("attachments") or []
    if not parts and not raw.get("text"):
        raise ValueError("Neither text nor attachments.")
    text = "\n".join(filter(None, [raw.get("text"), *(part.get("text") for part in parts)]))
    title = parts[0].get("title", "") if parts else ""
    return {"format": "slack", "channel": raw.get("channel", ""), "title": title, "text": text, "raw": raw}


def _shown(message):
    when = time.strftime("%H:%M:%S", time.localtime(message["when"]))
    where = message.get("channel") or ", ".join(message.get("to", []))
    return when, where, message.get("title") or message.get("subject", ""), message.get("text") or message.get("body", "")
