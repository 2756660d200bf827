"""Orders as fast as one core sends them, on the order path and on nothing but a socket.

`python -m bench.order_path WAY URL PASSES` writes one line of JSON for each pass over all accounts, after one that
does not count; the way `profile` is `worker` with a line for where its time went.
"""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from bench import crowd
from bench.sampling import sampled
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.adapters.lines import AsyncLines, new_loop
from quantleap.adapters.timer import SystemTimer
from quantleap.domain import planning
from quantleap.domain.execution import Ticket
from quantleap.domain.ids import order_tag
from quantleap.domain.ports import Line
from quantleap.domain.trading import Side
from quantleap.services.channel import Channel
from quantleap.services.gate import Gate, to_ns
from quantleap.services.lookout import Unwatched
from quantleap.services.tags import Tags
from quantleap.services.trader import Trader
from tests.engine import FakeHalts, Power

ACCOUNTS = 128
ORDERS = 10
"""For each account: as many as one may send in a second."""

type Pass = Callable[[], Awaitable[None]]


class Bare(asyncio.Protocol):
    """A connection that sends the next payload as soon as an answer has come: the least that asyncio does."""

    def __init__(self) -> None:
        self._rest = b""
        self._left: list[bytes] = []

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's own signature
        """Ready to send."""
        self._transport = transport

    def send_all(self, payloads: list[bytes]) -> asyncio.Future[None]:
        """Send one payload after another; done with the last answer."""
        self._left = payloads[::-1]
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport.write(self._left.pop())
        return self._done

    def data_received(self, data: bytes) -> None:
        """An answer, or a part of one."""
        self._rest += data
        head = self._rest.find(b"\r\n\r\n")
        length = self._rest.find(b"Content-Length: ") + 16
        if head < 0 or len(self._rest) < head + 4 + int(self._rest[length : self._rest.find(b"\r", length)]):
            return
        self._rest = b""
        if self._left:
            self._transport.write(self._left.pop())
        else:
            self._done.set_result(None)


class Floor:
    """The accounts, their open connections, and the orders of each pass."""

    def __init__(self, url: str, boundary: datetime) -> None:
        self._broker = Zerodha(url)
        self._lines = AsyncLines()
        self._boundary = boundary
        self._store = crowd.store(ACCOUNTS, boundary)
        self._open = [self._lines.line(url) for _ in self._store.seats]
        self._passes = 0

    async def connect(self) -> None:
        """Open every account's connection."""
        await asyncio.gather(*(line.open() for line in self._open))

    def traders(self) -> list[Trader]:
        """A trader for each account, with orders never seen before and a session of its own."""
        self._passes += 1
        return [self._trader(number, line) for number, line in enumerate(self._open)]

    def _trader(self, number: int, line: Line) -> Trader:
        (ticket,) = planning.tickets(crowd.decided(self._store), self._store.seats[number], 0)
        session = self._store.sessions[ticket.user_id, ticket.client_id]
        channel = Channel(
            broker=self._broker,
            session=session.model_copy(update={"access_token": f"{session.access_token}-{self._passes}"}),
            line=line,
            book_line=line,
            lines=self._lines,
            timer=SystemTimer(),
            boundary_ns=to_ns(self._boundary),
        )
        halts: Any = FakeHalts(self._store, Power())  # nobody sets or lifts one
        return Trader(
            ticket=self._full(ticket),
            channel=channel,
            timer=channel.timer,
            boundary_ns=channel.boundary_ns,
            ends_ns=to_ns(self._boundary + timedelta(hours=1)),
            lookout=Unwatched(Tags(halts, channel.timer)),
        )

    def _full(self, ticket: Ticket) -> Ticket:
        """The ticket with as many hedges as an account may send in a second, and nothing else."""
        first = next(intent for intent in ticket.intents if intent.side is Side.BUY)
        names = [f"{first.intent_id}/{self._passes}/{number}" for number in range(ORDERS)]
        intents = (first.model_copy(update={"intent_id": name, "tag": order_tag(name)}) for name in names)
        return ticket.with_intents(tuple(intents), settled=False)

    def prepared(self) -> Pass:
        """From the prepared bytes to the broker's order id: what is left to do at the boundary."""
        traders = self.traders()
        for trader in traders:
            trader.prepare()

        async def one(trader: Trader) -> None:
            for payload in trader.channel.payloads.values():
                trader.channel.broker.placed(await trader.channel.line.write(payload))

        return lambda: _all(one(trader) for trader in traders)

    def worker(self) -> Pass:
        """All a worker does for an order: put it into bytes, send it, note what became of it, read the book."""
        traders = self.traders()

        async def one(trader: Trader, gate: Gate) -> None:
            trader.prepare()
            await trader.trade(gate, None)

        async def every() -> None:
            gate = Gate(SystemTimer(), _renewed)
            await gate.arm()
            await _all(one(trader, gate) for trader in traders)

        return every

    async def limit(self) -> Callable[[], Pass]:
        """The same bytes over connections that do nothing else."""
        address, tls = urlsplit(self._broker.base_url), ssl.create_default_context()
        loop = asyncio.get_running_loop()
        host, port = address.hostname or "", address.port or 443
        opened = [await loop.create_connection(Bare, host, port, ssl=tls) for _ in self._open]

        def prepare() -> Pass:
            traders = self.traders()
            for trader in traders:
                trader.prepare()
            payloads = [list(trader.channel.payloads.values()) for trader in traders]
            return lambda: _all(bare.send_all(each) for (_, bare), each in zip(opened, payloads, strict=True))

        return prepare


async def _renewed(_: datetime) -> None:
    """A lease that nobody else wants."""


async def _all(works: Any) -> None:  # noqa: ANN401 - coroutines or futures
    await asyncio.gather(*works)


async def profile(url: str, passes: int) -> None:
    """Tell where a worker's CPU time goes, in looks at each part."""
    floor = Floor(url, datetime.now(UTC) + timedelta(hours=1))
    await floor.connect()
    looks: Counter[str] = Counter()
    for _ in range(passes):
        ready = floor.worker()
        with sampled() as seen:
            await ready()
        looks += seen
    sys.stdout.write(json.dumps(looks) + "\n")


async def measure(way: str, url: str, passes: int) -> None:
    """Time the passes of one way."""
    floor = Floor(url, datetime.now(UTC) + timedelta(hours=1))
    await floor.connect()
    prepare = {"prepared": floor.prepared, "worker": floor.worker}.get(way) or await floor.limit()
    await prepare()()
    for _ in range(passes):
        ready = prepare()
        wall, cpu = time.perf_counter(), time.process_time()
        await ready()
        spent = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        sys.stdout.write(json.dumps({"orders": ACCOUNTS * ORDERS, **spent}) + "\n")


if __name__ == "__main__":
    asked = (sys.argv[2], int(sys.argv[3]))
    work = profile(*asked) if sys.argv[1] == "profile" else measure(sys.argv[1], *asked)
    asyncio.run(work, loop_factory=None if sys.argv[1] == "limit" else new_loop)
