"""A broker that is faster than whoever calls it: Kite's wire for orders and the order book, over TLS, on one core.

`python -m bench.broker CHAIN KEY LATENCY_MS` writes its port to standard output and serves until standard input
ends. The sandbox's simulator checks what it is sent and so costs more than the clients to be measured.
"""

import asyncio
import json
import ssl
import sys
from collections import defaultdict
from typing import Any
from urllib.parse import parse_qs

import httptools
import uvloop

BACKLOG = 4096


class Book:
    """The orders of each session."""

    def __init__(self) -> None:
        self.orders: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self.count = 0

    def place(self, who: bytes, form: bytes) -> bytes:
        """Take an order; returns the answer."""
        self.count += 1
        self.orders[who].append(b"%d&%b" % (self.count, form))
        return _answer(b'{"status":"success","data":{"order_id":"%d"}}' % self.count)

    def show(self, who: bytes) -> bytes:
        """The session's orders, each filled at its price."""
        lines = [_line(*order.split(b"&", 1)) for order in self.orders[who]]
        return _answer(json.dumps({"status": "success", "data": lines}).encode())


def _line(number: bytes, form: bytes) -> dict[str, object]:
    fields = {name: values[0] for name, values in parse_qs(form.decode()).items()}
    return {
        "order_id": number.decode(),
        "tag": fields.get("tag", ""),
        "status": "COMPLETE",
        "filled_quantity": int(fields["quantity"]),
        "average_price": float(fields["price"]),
        "tradingsymbol": fields["tradingsymbol"],
        "quantity": int(fields["quantity"]),
        "price": float(fields["price"]),
    }


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Talk(asyncio.Protocol):
    """One client's connection; httptools' callbacks."""

    def __init__(self, book: Book, latency_s: float) -> None:
        self._book = book
        self._latency_s = latency_s
        self._parser = httptools.HttpRequestParser(self)
        self._begin()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - uvloop's transports are of no class of asyncio
        """A client connected."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Part of a request."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note who asks."""
        if name.lower() == b"authorization":
            self._who = value

    def on_body(self, body: bytes) -> None:
        """Collect the form."""
        self._form += body

    def on_message_complete(self) -> None:
        """Answer after the latency; the order counts from its arrival."""
        if self._parser.get_method() == b"POST":
            answer = self._book.place(self._who, self._form)
        else:
            answer = self._book.show(self._who)
        self._begin()
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _begin(self) -> None:
        self._who = b""
        self._form = b""


async def serve(chain: str, key: str, latency_ms: float) -> None:
    """Serve until standard input ends."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    loop, book = asyncio.get_running_loop(), Book()
    server = await loop.create_server(lambda: Talk(book, latency_ms / 1000), "127.0.0.1", 0, ssl=tls, backlog=BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], float(sys.argv[3])))
