"""A broker's API as an ASGI application, kept lean for whole bursts of orders: delays and faults happen here.

What a request means is left to the broker's dialect; what goes wrong on the way back is the same for all.
"""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from starlette.types import Message, Receive, Scope, Send

from sandbox.broker.behaviour import Fault
from sandbox.broker.simulator import Firm

OK = 200
JSON = b"application/json"
HTML = b"text/html"
LARGEST_BODY = 65_536
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

type Reply = tuple[int, bytes, bytes]
"""Status, content type, body."""

BROKEN: dict[Fault, Reply | None] = {
    Fault.DROP_BEFORE_PLACE: None,
    Fault.DROP_AFTER_PLACE: None,
    Fault.HTTP_500_BEFORE_PLACE: (500, HTML, b"Internal Server Error"),
    Fault.HTTP_500_AFTER_PLACE: (500, HTML, b"Internal Server Error"),
    Fault.EMPTY_BODY: (OK, JSON, b""),
    Fault.HTML: (OK, HTML, PAGE),
    Fault.SESSION_KILLED: None,
}
"""What goes out instead of the answer; None hangs up."""


STORM: Reply = (429, HTML, b"Too Many Requests")
PIECES = 16
PAUSE_S = 0.02
"""Between the pieces of an answer that drips."""


class Asked(NamedTuple):
    """A request as it arrived; `path` begins where the broker's API does."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    at: datetime

    def header(self, name: bytes) -> str:
        """A header's value by its lower-case name, empty without it."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


class Dialect(Protocol):
    """How one broker speaks."""

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call."""

    def places(self, asked: Asked) -> bool:
        """Whether the call places an order, which is what faults meet."""

    def client_of(self, asked: Asked) -> str | None:
        """Whose live session the request is made in."""

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Do what is asked and say what came of it."""


class Gateway:
    """Serves one broker's calls; an order counts from its arrival, a delay only holds the answer back."""

    def __init__(self, firm: Firm, dialect: Dialect) -> None:
        self._firm = firm
        self._floor = firm.floor
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        server = scope["extensions"]["sandbox"]
        method, path = scope["method"], scope["path"].removeprefix(scope.get("root_path", ""))
        if not self._dialect.knows(method, path):
            await _send(send, (404, HTML, b"Not Found"))
            return
        body, query = await _body(receive), scope["query_string"].decode("latin-1")
        at = server["arrived_at"] + timedelta(seconds=self._floor.temper.behaviour.clock_skew_s)
        asked = Asked(method, path, query, scope["headers"], body, at)
        client_id = self._dialect.client_of(asked)
        if client_id and self._floor.temper.storms(client_id):
            await _send(send, STORM)
            return
        fault = self._floor.temper.fault(client_id) if client_id and self._dialect.places(asked) else None
        reply = self._dialect.reply(asked, client_id) if fault is None or fault.places else None
        if fault is Fault.SESSION_KILLED and client_id:
            self._firm.accounts.expire(client_id)
        delay = self._floor.temper.delay_s(client_id or "")
        if delay and await _hung_up_within(delay, receive):
            return
        if fault is Fault.TIMEOUT:
            await _hung_up(receive)
        elif fault is Fault.SLOW_DRIP and reply:
            await _drip(send, reply)
        elif fault is Fault.ANSWERED_TWICE and reply:
            await _send(send, reply)
            server["say"](_whole(reply))
        elif fault is Fault.WRONG_TYPE and reply:
            await _send(send, (reply[0], HTML, reply[2]))
        elif final := BROKEN[fault] if fault else reply:
            await _send(send, final)
        else:
            server["hang_up"]()
            await _hung_up(receive)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message: Message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > LARGEST_BODY:
            return bytes(body)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _hung_up_within(delay_s: float, receive: Receive) -> bool:
    try:
        async with asyncio.timeout(delay_s):
            await _hung_up(receive)
    except TimeoutError:
        return False
    return True


async def _send(send: Send, reply: Reply) -> None:
    status, kind, body = reply
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _whole(reply: Reply) -> bytes:
    """An answer as it goes over the wire."""
    status, kind, body = reply
    head = b"HTTP/1.1 %d Again\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


async def _drip(send: Send, reply: Reply) -> None:
    status, kind, body = reply
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    size = max(1, len(body) // PIECES)
    for start in range(0, len(body), size):
        await asyncio.sleep(PAUSE_S)
        await send({"type": "http.response.body", "body": body[start : start + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
