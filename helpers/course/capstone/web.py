"""Asks the learner's programs by HTTP. Whatever they answer, an answer ends: by a point of time, and after so many bytes."""

import http.client
import io
import json
import time
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

HOST = "127.0.0.1"
MOST = 5_000_000  # bytes of one answer
HOPS = 3  # redirects that are followed, at most
URL_SIGNS = "/?#[]@!$&'()*+,;=%:~"  # that a path and a query may hold as they are


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes
    ----------
    status : int
    content : bytes
    moved : str or None
        Where it says to look instead.
    """

    status: int
    content: bytes
    moved: str | None

    def parsed(self):
        """What its JSON holds.

        Returns
        -------
        object
            None where it is no JSON.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):  # the second: a million brackets
            return None


class _Limited(io.RawIOBase):
    """The bytes of a socket. A timeout of the socket's own would begin anew with each byte."""

    def __init__(self, sock, until):
        self._sock, self._until = sock, until

    def readable(self):
        return True

    def readinto(self, buffer):
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the answer has no end")
        self._sock.settimeout(seconds)
        return self._sock.recv_into(buffer)

    def makefile(self, mode):
        return io.BufferedReader(self)


def ask(port, path, until, body=None, most=MOST):
    """Send one request, on a connection of its own.

    Parameters
    ----------
    port : int
        On this machine.
    path : str
        With or without a slash at its begin.
    until : float
        As `time.monotonic`: by then the whole answer has to be there.
    body : bytes, optional
        Of a POST, as JSON; a GET is sent without.
    most : int, default MOST
        Bytes that its body may have.

    Returns
    -------
    Answer or None
        None where no whole answer came.
    """
    seconds = until - time.monotonic()
    if seconds <= 0:
        return None
    method, headers = ("GET", {}) if body is None else ("POST", {"content-type": "application/json"})
    path = quote("/" + path.removeprefix("/"), safe=URL_SIGNS, errors="replace")
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        connection.request(method, path, body, headers | {"accept": "*/*", "connection": "close"})
        answer = http.client.HTTPResponse(_Limited(connection.sock, until), method=method)
        answer.begin()
        content = answer.read(most + 1)
        return Answer(answer.status, content, answer.headers.get("location")) if len(content) <= most else None
    except (OSError, http.client.HTTPException, ValueError):  # the last: no number where HTTP wants one
        return None
    finally:
        connection.close()


def follow(port, path, until):
    """Get a page, also where the service says that it has moved on its own port, as a mounted app does.

    Parameters
    ----------
    port : int
    path : str
    until : float
        As for `ask`, all three.

    Returns
    -------
    Answer or None
    """
    answer = ask(port, path, until)
    for _ in range(HOPS):
        if answer is None or not answer.moved or not 300 <= answer.status < 400:
            break
        try:
            to = urlsplit(urljoin(f"http://{HOST}:{port}{path}", answer.moved))
        except ValueError:
            break
        if to.netloc != f"{HOST}:{port}":
            break
        path = to.path + (f"?{to.query}" if to.query else "")
        answer = ask(port, path, until)
    return answer
