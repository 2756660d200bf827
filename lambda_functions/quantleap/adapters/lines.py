"""Connections of the order path: opened early, one for each account, so that at the boundary a send is one write.

Sockets are used as they are, for a transport of asyncio costs more than the order itself (docs/benchmarks.md).
"""

import asyncio
import select
import socket
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httptools
import uvloop

from quantleap.domain.broker import Answer, NotSent, Request, Unknown

MOST_BYTES = 8 * 1024 * 1024
"""An order book of thousands of lines is under 2 MB; more than this is no answer to trust."""

CONNECT_TIMEOUT_S = 5.0
AT_ONCE = 65_536
NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""A socket that never waits says so."""

new_loop = uvloop.new_event_loop
"""The loop that workers run on: libuv's wakes a reader for less than asyncio's own (docs/dependencies.md)."""


def prepare(request: Request) -> bytes:
    """The request as it goes over the wire, complete."""
    lines = [f"{request.method} {urlsplit(request.base_url).path}{request.target} HTTP/1.1"]
    lines.append(f"Host: {urlsplit(request.base_url).netloc}")
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + request.body


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
    """A socket to the first address of the host that answers, with TLS where it is wanted."""
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for place, (family, kind, protocol, _, at) in enumerate(found, 1):
        raw = socket.socket(family, kind, protocol)
        try:
            return await _called(raw, at, address)
        except BaseException as error:
            raw.close()
            if place == len(found) or not isinstance(error, OSError):
                raise
    raise OSError("the host has no address")


async def _called(raw: socket.socket, at: Any, address: Address) -> socket.socket:  # noqa: ANN401 - differs by family
    raw.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    await asyncio.get_running_loop().sock_connect(raw, at)
    if address.tls is None:
        return raw
    secured = address.tls.wrap_socket(raw, server_hostname=address.host, do_handshake_on_connect=False)
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
    """Reads answers with httptools, whose callbacks the `on_` methods are."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._read)
        self._came = select.poll()
        self._came.register(connection, select.POLLIN)
        self._waiting: asyncio.Future[Answer] | None = None
        self.is_open = True
        self._parser = httptools.HttpResponseParser(self)
        self._begin()

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
        self._waiting = answer = self._loop.create_future()
        try:
            if self._connection.send(payload) != len(payload):
                self.end("not sent as a whole")
        except OSError as error:
            self.end(f"connection lost: {type(error).__name__}")
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

    def on_message_begin(self) -> None:
        """A second answer to one request must not pass for the answer to the next."""
        if self._waiting is None:
            self.end("an answer nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > MOST_BYTES:
            self.end("the answer is too large")

    def on_message_complete(self) -> None:
        if not self.is_open:
            return
        answer = Answer(self._parser.get_status_code(), self._headers, bytes(self._body))
        stays = self._parser.should_keep_alive()
        waiting, self._waiting = self._waiting, None
        self._begin()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        if not stays:
            self.end("the broker closes after this answer")

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body = bytearray()

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
        except httptools.HttpParserError as error:
            self.end(f"not HTTP: {type(error).__name__}")

    def _take(self, data: bytes) -> None:
        if data:
            self._parser.feed_data(data)
        else:
            self.end("connection lost: closed by the broker")
