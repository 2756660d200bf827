"""Connections of the order path: opened early, one for each account, so that at the boundary a send is one write.

Sockets are used as they are, for a transport of asyncio costs more than the order itself (docs/benchmarks.md).
"""

import asyncio
import select
import socket
import ssl
from asyncio.staggered import staggered_race
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import uvloop

from quantleap.adapters.answers import AnswerReader
from quantleap.adapters.heads import checked
from quantleap.domain.broker import Answer, NotSent, Request, Unknown

CONNECT_TIMEOUT_S = 5.0
NEXT_ADDRESS_AFTER_S = 1.0
"""When the host's next address is called beside one that is silent; RFC 8305 allows up to two seconds.

Its 0.25 s are of TCP alone. Here an address counts once TLS is up, and hundreds of accounts open at the same time.
"""

AT_ONCE = 65_536
WITHOUT_CONTENT = {"GET", "DELETE"}
"""Methods that say nothing of a length when there is no body."""

NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""A socket that never waits says so."""

new_loop = uvloop.new_event_loop
"""The loop that workers run on: libuv's wakes a reader for less than asyncio's own (docs/dependencies.md)."""


def prepare(request: Request) -> bytes:
    """The request as it goes over the wire, complete; `BadInput` where a header would break it."""
    base = urlsplit(checked(request).base_url)
    headers = {"Host": base.netloc, "Accept-Encoding": "identity", **request.headers}
    if request.body or request.method not in WITHOUT_CONTENT:
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {base.path}{request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + request.body


class Address(NamedTuple):
    """Whom to call, and how to know who answers; without `tls` nobody asks."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class AsyncLines:
    """Makes lines; certificates are always checked."""

    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    def line(self, base_url: str) -> "AsyncLine":
        """A line to a broker, not yet open."""
        parts = urlsplit(base_url)
        tls = self._context() if parts.scheme == "https" else None
        return AsyncLine(Address(parts.hostname or "", parts.port or (443 if tls else 80), tls))

    def prepare(self, request: Request) -> bytes:
        """The request's bytes, made before they are needed."""
        return prepare(request)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


class AsyncLine:
    """One connection, one request at a time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._talk: _Talk | None = None

    async def open(self) -> None:
        """Connect, unless it is open; raises `NotSent`."""
        if self._talk is not None and self._talk.is_open:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                self._talk = _Talk(await _connected(self._address))
        except OSError as error:  # a timeout is one too
            raise NotSent(f"no connection: {type(error).__name__}") from None

    def write(self, payload: bytes) -> asyncio.Future[Answer]:
        """Send prepared bytes now; raises `NotSent` before the first byte leaves.

        The future ends with `Unknown` when the connection breaks before a whole answer came.
        """
        if self._talk is None or not self._talk.is_open:
            message = "the connection is closed"
            raise NotSent(message)
        return self._talk.ask(payload)

    def close(self) -> None:
        """Hang up; an answer still awaited becomes `Unknown`."""
        if self._talk is not None:
            self._talk.end("hung up")
            self._talk = None


async def _connected(address: Address) -> socket.socket:
    """A socket to the address of the host that answers first, with TLS where it is wanted.

    One that is silent keeps its chance while the next ones get theirs, all within the time there is.
    """
    attempts = [partial(_called, family, at, address) for family, at in await looked_up(address)]
    each_s = min(NEXT_ADDRESS_AFTER_S, CONNECT_TIMEOUT_S / max(1, len(attempts)))
    connected: socket.socket | None
    connected, _, errors = await staggered_race(attempts, each_s)
    if connected is None:
        raise next((error for error in errors if error is not None), OSError("the host has no address"))
    return connected


async def looked_up(address: Address) -> list[tuple[int, Any]]:
    """The families and addresses of a host, the likeliest first."""
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [(family, at) for family, _, _, _, at in found]


async def _called(family: int, at: Any, address: Address) -> socket.socket:  # noqa: ANN401 - differs by family
    raw = socket.socket(family, socket.SOCK_STREAM)
    try:
        raw.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(raw, at)
        return raw if address.tls is None else await _secured(raw, address.tls, address.host)
    except BaseException:
        raw.close()
        raise


async def _secured(raw: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Ends of the connection that TLS does not vouch for are errors: they may be anybody's, in the midst of a body."""
    secured = tls.wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False, suppress_ragged_eofs=False)
    try:
        await _shake_hands(secured)
    except BaseException:
        secured.close()
        raise
    return secured


async def _shake_hands(secured: ssl.SSLSocket) -> None:
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await _readable(secured)
        else:
            return


async def _readable(one: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(one, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(one)


class _Talk:
    """An open connection; each request gets a reader of its own for its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._read)
        self._came = select.poll()
        self._came.register(connection, select.POLLIN)
        self._waiting: asyncio.Future[Answer] | None = None
        self._reader = AnswerReader()
        self.is_open = True

    def ask(self, payload: bytes) -> asyncio.Future[Answer]:
        """Hand all of it to the system at once, or nobody knows how much of it arrived.

        What has come meanwhile is read first: it answers something else, or says that the broker hung up.
        """
        if self._waiting is not None:
            message = "the connection is busy"
            raise NotSent(message)
        if self._came.poll(0):  # asked first, for a read that finds nothing costs 4 µs and this less than one
            self._read()
        if not self.is_open:
            message = "the connection was closed"
            raise NotSent(message)
        try:
            sent = self._connection.send(payload)
        except OSError as error:  # nothing was handed over, or over TLS no record that anybody could read
            self.end("not sent")
            message = f"connection lost: {type(error).__name__}"
            raise NotSent(message) from None
        self._reader = AnswerReader()
        self._waiting = answer = self._loop.create_future()
        if sent != len(payload):
            self.end("not sent as a whole")
        return answer

    def end(self, why: str) -> None:
        """Close the connection; an answer still awaited is unknown."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._connection)
            self._connection.close()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(Unknown(why))

    def _read(self) -> None:
        """Take what has come; what is left in the system makes this be called again."""
        try:
            self._take(self._connection.recv(AT_ONCE))
            while self.is_open and isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
                self._take(self._connection.recv(AT_ONCE))
        except NOT_YET:
            return
        except OSError as error:
            self.end(f"connection lost: {type(error).__name__}")
        except Unknown as doubt:
            self.end(doubt.text)

    def _take(self, data: bytes) -> None:
        if self._waiting is None:
            self.end("an answer nobody asked for" if data else "closed by the broker")
            return
        answer = self._reader.feed(data) if data else self._reader.ended()
        if answer is None:
            return
        waiting, self._waiting = self._waiting, None
        if not waiting.done():
            waiting.set_result(answer)
        if not self._reader.reusable:
            self.end("the broker closes after this answer")
