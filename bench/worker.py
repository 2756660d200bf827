"""A worker over loopback: the real one, its lines and its timer, with stores in memory; and a bare loop beside it.

`python -m bench.worker URL ROUNDS SUBSCRIBERS` serves a shard so many times, each at a boundary of its own, and
writes one line of JSON for each round.
"""

import asyncio
import gc
import json
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from bench import crowd
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.adapters.lines import AsyncLines, new_loop, prepare
from quantleap.adapters.timer import SystemTimer
from quantleap.domain.broker import Broker
from quantleap.domain.execution import Timing
from quantleap.domain.partner import Environment
from quantleap.services.channel import order_request
from quantleap.services.desk import Desk, Errand
from quantleap.services.shard import serve
from tests.engine import FakeZebu, Store, a_desk, an_errand

LEAD = timedelta(seconds=2.5)
"""From a round's start to its boundary: enough to connect hundreds of accounts over TLS."""

BARE_LEAD_NS, SPIN_NS = 200_000_000, 2_000_000
"""What the bare loop sleeps before its moment, and the last stretch of it that it spins."""

TIMING = Timing(last_look=timedelta(milliseconds=500))


class OneBroker(NamedTuple):
    """The directory of a world with one broker."""

    url: str

    def as_they_stand(self) -> "OneBroker":
        """Its limits never change."""
        return self

    def broker(self, broker_id: str, environment: Environment) -> Broker:  # noqa: ARG002 - the port's arguments
        """The one."""
        return Zerodha(self.url)


class Round(NamedTuple):
    """What one shard did, in milliseconds after its boundary; `sent` are the first orders of its accounts.

    `bare` is when a loop that does nothing else had sent the same bytes, after a boundary of its own.
    """

    counts: dict[str, int]
    sent: list[float]
    cpu_s: float
    bare: list[float]


def desk(store: Store, url: str) -> Desk:
    """A desk with real lines and the machine's clock."""
    ports = a_desk(store, FakeZebu(), timing=TIMING)
    return ports._replace(brokers=OneBroker(url), lines=AsyncLines(), timer=SystemTimer())


def errand(boundary: datetime) -> Errand:
    """The shard to serve."""
    due = crowd.due(boundary)
    return an_errand(run_id=due.run_id, boundary=boundary, template_id=due.template_id, ends=boundary + timedelta(60))


def play(url: str, subscribers: int) -> Round:
    """Serve one shard from its start to its report."""
    boundary = datetime.now(UTC) + LEAD
    store = crowd.store(subscribers, boundary)
    began = time.process_time()
    report = asyncio.run(serve(desk(store, url), errand(boundary)), loop_factory=new_loop).report
    spent = time.process_time() - began
    firsts = (min(i.sent_after_ms for i in t.intents if i.sent_after_ms is not None) for t in store.tickets.values())
    sent = sorted(float(first) for first in firsts)
    return Round(dict(report.counts), sent, spent, bare(url, first_orders(store, url)))


def first_orders(store: Store, url: str) -> list[bytes]:
    """The bytes of every account's first order, as the worker made them."""
    broker, tickets = Zerodha(url), store.tickets.values()
    sessions = [store.sessions[ticket.user_id, ticket.client_id] for ticket in tickets]
    orders = [order_request(ticket.intents[0]) for ticket in tickets]
    return [prepare(broker.place(*each)) for each in zip(sessions, orders, strict=True)]


def bare(url: str, payloads: Sequence[bytes]) -> list[float]:
    """Write each payload to an open connection of its own as soon as a moment has come, and note when it was."""
    tls, address, sent = ssl.create_default_context(), urlsplit(url), list[int]()
    with ExitStack() as opened:
        open_ = [opened.enter_context(_connected(tls, address.hostname or "", address.port or 443)) for _ in payloads]
        gc.freeze()
        boundary_ns = time.time_ns() + BARE_LEAD_NS
        time.sleep((BARE_LEAD_NS - SPIN_NS) / 1e9)
        while time.time_ns() < boundary_ns:
            pass
        for connection, payload in zip(open_, payloads, strict=True):
            connection.send(payload)
            sent.append(time.time_ns() - boundary_ns)
        gc.unfreeze()
    return [each / 1e6 for each in sent]


def _connected(tls: ssl.SSLContext, host: str, port: int) -> ssl.SSLSocket:
    raw = socket.create_connection((host, port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(raw, server_hostname=host)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        sys.stdout.write(json.dumps(play(sys.argv[1], int(sys.argv[3]))._asdict()) + "\n")
        sys.stdout.flush()
