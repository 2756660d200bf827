"""HTTP for everything that is not on the order path: logins, lists, quotes.

urllib3 comes with botocore, so it costs no further import, and it can send a GET with a body, which one broker asks
for.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus, client
from threading import Timer
from time import monotonic

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from quantleap.adapters.answers import INTERIM, STATUSES
from quantleap.adapters.heads import checked
from quantleap.adapters.packing import unpacked
from quantleap.domain.broker import Answer, NotSent, Request, Unknown

MOST_BYTES = 64 * 1024 * 1024
"""More than any broker's list of contracts; an answer beyond it is not read."""

AT_ONCE = 65_536
CONNECT_SHARE = 1 / 3
"""Of the time for all: a host's first address may be silent for this long, and its second is still heard."""


class UrllibHttp:
    """Sends once; certificates are always checked, redirects never followed."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, num_pools=16, maxsize=32)
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        """Send once; `NotSent` when it certainly did not arrive, `Unknown` when nobody can say.

        An answer that is not whole when its time is over is given up, however lively it drips.
        """
        ends, request = monotonic() + timeout_s, checked(request)
        try:
            answer = self._pool.request(
                request.method,
                request.base_url + request.target,
                body=request.body or None,
                headers=dict(request.headers),
                timeout=urllib3.Timeout(connect=timeout_s * CONNECT_SHARE, total=timeout_s),
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            body = _body(answer, ends)
        except urllib3.exceptions.HTTPError as error:
            raise Unknown(type(error).__name__) from None
        answer.release_conn()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return unpacked(Answer(answer.status, headers, body), MOST_BYTES)


def _body(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    """All of it; also an answer cut off in its head looks whole, so the time decides."""
    body = bytearray()
    while monotonic() < ends and len(body) <= MOST_BYTES and (part := answer.read1(AT_ONCE)):
        body += part
    if monotonic() < ends and len(body) <= MOST_BYTES:
        return bytes(body)
    answer.close()
    raise Unknown("the answer is too large" if len(body) > MOST_BYTES else "the answer took too long")


@contextmanager
def _within(seconds: float | None, connection: socket.socket) -> Iterator[None]:
    """Hang up when the block is not done in time."""

    def hang_up() -> None:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, whose own state another thread uses

    timer = Timer(seconds or 0, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Head(client.HTTPResponse):
    """The standard library takes every interim answer but 100 for the final one, and any number for a status."""

    def begin(self) -> None:
        super().begin()
        while self.status in INTERIM and self.status != HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]  # as it is before a head was read
            super().begin()
        if self.status not in STATUSES:
            raise client.BadStatusLine(str(self.status))


class _Http(HTTPConnection):
    """A socket's timeout is of each read alone; here it is of the whole head of an answer.

    What fails before there is a connection was certainly not sent.
    """

    response_class = _Head

    def connect(self) -> None:
        with _certainly_not_sent():
            super().connect()

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        with _within(self.timeout, self.sock):
            return super().getresponse()


class _Https(HTTPSConnection):
    """The same; and an end that TLS does not vouch for is an error, for it may be anybody's, in the midst of a body."""

    response_class = _Head

    def connect(self) -> None:
        with _certainly_not_sent():
            super().connect()
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]  # typeshed does not know it

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        with _within(self.timeout, self.sock):
            return super().getresponse()


@contextmanager
def _certainly_not_sent() -> Iterator[None]:
    try:
        yield
    except (OSError, urllib3.exceptions.HTTPError) as error:
        raise NotSent(type(error).__name__) from None


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https
