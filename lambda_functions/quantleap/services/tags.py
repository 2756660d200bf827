"""Brokers whose books are seen to spoil the tags that orders carry: without tags a successor could send twice.

Such a broker is taken out: in this worker at once, and by a halt for everybody, until somebody lifts it.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress

from quantleap.domain.errors import QuantLeapError
from quantleap.domain.execution import Ticket, Venue
from quantleap.domain.halts import Halt, of_broker
from quantleap.domain.ports import Halts, Timer
from quantleap.services.gate import from_ns

SPOILT = "broker_tags_spoilt"
"""Of an order that is held back because its broker does not keep tags, or that may stand there without one."""

WHY = "Its order book does not keep the tags of orders: after a crash they could be sent twice"

ENGINE = "engine"

COINCIDENCES = 1
"""One account may hold an order by hand that looks like ours; two at a broker in one run hold ours."""


class Tags:
    """What the accounts of one worker found out about their brokers."""

    def __init__(self, halts: Halts, timer: Timer) -> None:
        self._halts = halts
        self._timer = timer
        self._suspicious: defaultdict[Venue, set[str]] = defaultdict(set)
        self.taken_out: set[Venue] = set()
        self._told: set[Venue] = set()

    async def suspect(self, ticket: Ticket) -> None:
        """A book shows an order that may be ours and has no tag."""
        accounts = self._suspicious[ticket.venue]
        accounts.add(ticket.client_id)
        if len(accounts) > COINCIDENCES:
            await self.take_out(ticket.venue)

    async def take_out(self, venue: Venue) -> None:
        """Let no entry go on there; a halt that could not be written is tried again at the next occasion."""
        self.taken_out.add(venue)
        if venue in self._told:
            return
        halt = Halt(scope=of_broker(str(venue)), reason=WHY, set_by=ENGINE, set_at=from_ns(self._timer.now_ns()))
        with suppress(QuantLeapError):  # the worker itself knows, and tells of it at its end
            await asyncio.to_thread(self._halts.put, halt)
            self._told.add(venue)
