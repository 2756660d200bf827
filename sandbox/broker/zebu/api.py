"""Zebu's API as an ASGI application: a path a call, kept lean for whole bursts of orders."""

import asyncio
from datetime import datetime

from starlette.types import Message, Receive, Scope, Send

from sandbox.broker.behaviour import Fault
from sandbox.broker.simulator import Simulator
from sandbox.broker.zebu.calls import Calls
from sandbox.broker.zebu.masters import Masters
from sandbox.broker.zebu.wire import OK, SESSION_DEAD, Ask, Json, Refusal, bearer, encode, not_ok, read

LOGIN = "GenAcsTok"
PLACE = "PlaceOrder"
LOGIN_FIELDS = ("code", "checksum")
LARGEST_BODY = 65_536

JSON = b"application/json"
HTML = b"text/html"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

type Answer = tuple[int, bytes, bytes]
"""Status, content type, body."""

BROKEN: dict[Fault, Answer | None] = {
    Fault.DROP_BEFORE_PLACE: None,
    Fault.DROP_AFTER_PLACE: None,
    Fault.HTTP_500_BEFORE_PLACE: (500, HTML, b"Internal Server Error"),
    Fault.HTTP_500_AFTER_PLACE: (500, HTML, b"Internal Server Error"),
    Fault.EMPTY_BODY: (OK, JSON, b""),
    Fault.HTML: (OK, HTML, PAGE),
}
"""What goes out instead of the answer; None hangs up."""


class Api:
    """Everything below `/NorenWClientAPI`."""

    def __init__(self, simulator: Simulator, masters: Masters) -> None:
        self._simulator = simulator
        self._calls = Calls(simulator, masters)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the order counts from its arrival, the delay only holds the answer back."""
        server = scope["extensions"]["sandbox"]
        call = scope["path"].rpartition("/")[2]
        if scope["method"] != "POST" or (call != LOGIN and call not in self._calls.table):
            await _send(send, (404, HTML, b"Not Found"))
            return
        body = await _body(receive)
        client_id = self._simulator.accounts.client_of(bearer(scope["headers"]), self._simulator.clock())
        fault = self._simulator.temper.fault(client_id) if client_id and call == PLACE else None
        answer = None
        if fault is None or fault.places:
            answer = self._answer(call, client_id, body, server["arrived_at"])
        delay = self._simulator.temper.delay_s(client_id or "")
        if delay and await _hung_up_within(delay, receive):
            return
        if fault is Fault.TIMEOUT:
            await _hung_up(receive)
        elif final := BROKEN[fault] if fault else answer:
            await _send(send, final)
        else:
            server["hang_up"]()
            await _hung_up(receive)

    def _answer(self, call: str, client_id: str | None, body: bytearray, at: datetime) -> Answer:
        try:
            return OK, JSON, encode(self._reply(call, client_id, body, at))
        except Refusal as refusal:
            return refusal.status, JSON, encode(not_ok(refusal.text, at))

    def _reply(self, call: str, client_id: str | None, body: bytearray, at: datetime) -> Json:
        if call == LOGIN:
            return self._calls.log_in(read(body, LOGIN_FIELDS), at)
        if client_id is None:
            raise Refusal(SESSION_DEAD)
        required, perform = self._calls.table[call]
        fields = read(body, required)
        if fields["uid"] != client_id:
            raise Refusal(SESSION_DEAD)
        return perform(Ask(client_id, fields, at))


async def _body(receive: Receive) -> bytearray:
    body = bytearray()
    while True:
        message: Message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > LARGEST_BODY:
            return body


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


async def _send(send: Send, answer: Answer) -> None:
    status, kind, body = answer
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
