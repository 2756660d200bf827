"""A worker over loopback: the real one, its lines and its timer, with stores in memory.

`python -m bench.worker URL ROUNDS SUBSCRIBERS` serves a shard so many times, each at a boundary of its own, and
writes one line of JSON for each round.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bench import crowd
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.adapters.lines import AsyncLines, new_loop
from quantleap.adapters.timer import SystemTimer
from quantleap.domain.broker import Broker
from quantleap.domain.execution import Timing
from quantleap.domain.partner import Environment
from quantleap.services.desk import Desk, Errand
from quantleap.services.shard import serve
from tests.engine import FakeZebu, Store, a_desk, an_errand

LEAD = timedelta(seconds=2.5)
"""From a round's start to its boundary: enough to connect hundreds of accounts over TLS."""

TIMING = Timing(last_look=timedelta(milliseconds=500))


class OneBroker(NamedTuple):
    """The directory of a world with one broker."""

    url: str

    def broker(self, broker_id: str, environment: Environment) -> Broker:  # noqa: ARG002 - the port's arguments
        """The one."""
        return Zerodha(self.url)


class Round(NamedTuple):
    """What one shard did, in milliseconds after its boundary; `sent` are the first orders of its accounts."""

    counts: dict[str, int]
    sent: list[float]
    cpu_s: float


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
    return Round(dict(report.counts), sorted(float(first) for first in firsts), spent)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        sys.stdout.write(json.dumps(play(sys.argv[1], int(sys.argv[3]))._asdict()) + "\n")
        sys.stdout.flush()
