"""Brokers whose books are seen to spoil the tags that orders carry: without tags a successor could send twice.

Such a broker is taken out: in this worker at once, and by a halt for everybody, until somebody lifts it.
"""

import asyncio
import logging
from collections import defaultdict

from quantleap.domain.execution import Ticket, Venue
from quantleap.domain.halts import Halt, of_broker
from quantleap.domain.ports import Halts, Timer
from quantleap.services.gate import from_ns

SPOILT = "broker_tags_spoilt"
"""Of an order that is held back because its broker does not keep tags, or that may stand there without one."""

WHY = "Its order book does not keep the tags of orders: after a crash they could be sent twice"

ENGINE = "engine"

NOT_HALTED = "a broker that was taken out is not halted"
"""What the log says where the halt could not be written; the worker itself knows, and tells of it at its end."""

log = logging.getLogger(__name__)

COINCIDENCES = 1
"""One account may hold an order by hand that looks like ours; two at a broker in one run hold ours."""


class Tags:
    """What the accounts of one worker found out about their brokers."""

    def __init__(self, halts: Halts, timer: Timer) -> None:
        self._halts = halts
        self._timer = timer
        self._suspicious: defaultdict[Venue, set[str]] = defaultdict(set)
        self.taken_out: set[Venue] = set()
        self._halting: dict[Venue, asyncio.Task[None]] = {}

    def suspect(self, ticket: Ticket) -> None:
        """A book shows an order that may be ours and has no tag."""
        accounts = self._suspicious[ticket.venue]
        accounts.add(ticket.client_id)
        if len(accounts) > COINCIDENCES:
            self.take_out(ticket.venue)

    def take_out(self, venue: Venue) -> None:
        """Let no entry go on there; nobody waits for the halt, for exits look at the same books.

        A halt that could not be written is tried again at the next occasion.
        """
        self.taken_out.add(venue)
        if venue not in self._halting:
            self._halting[venue] = asyncio.create_task(self._halt(venue))

    async def halted(self) -> None:
        """Come back when every halt is written, or could not be."""
        await asyncio.gather(*self._halting.values())

    async def _halt(self, venue: Venue) -> None:
        halt = Halt(scope=of_broker(str(venue)), reason=WHY, set_by=ENGINE, set_at=from_ns(self._timer.now_ns()))
        try:
            await asyncio.to_thread(self._halts.put, halt)
        except Exception as fault:  # noqa: BLE001 - whatever kept it from being written is no account's fault
            log.error("%s: %s: %s", NOT_HALTED, venue, type(fault).__name__)  # noqa: TRY400 - a trace tells no more
            del self._halting[venue]
