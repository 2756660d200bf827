"""Halts as a worker sees them: read again and again while orders may leave, so that one write stops what has not left.

What cannot be read is taken for a halt: a worker that is blind to an emergency must not go on.
"""

import asyncio
import hashlib
from collections.abc import Sequence

from quantleap.domain.execution import Ticket
from quantleap.domain.halts import HALTED, Halt, Trade, halted
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Halts, Timer
from quantleap.services.gate import NS, from_ns
from quantleap.services.tags import SPOILT, Tags
from quantleap.services.urgent import HALTS, at_once

EVERY_NS = NS // 2
"""A halt is seen within half a second of its write, and works within one."""

WIDTH = 0.4
"""Workers look at other instants of the middle of a half second: far from the boundary, and not all at once."""

BLIND_AFTER_NS = 2 * NS

UNREADABLE = "halts_unreadable"


class Lookout:
    """Knows the halts of half a second ago; looks between the half seconds, so that no look falls on a boundary."""

    def __init__(self, halts: Halts, timer: Timer, template_id: str, worker: str) -> None:
        self._halts = halts
        self._timer = timer
        self._template_id = template_id
        drawn = hashlib.blake2b(worker.encode(), digest_size=8).digest()
        self._reader = drawn[0]
        self._phase_ns = int(EVERY_NS * (0.5 + WIDTH * (int.from_bytes(drawn[1:]) / 2**56 - 0.5)))
        self._known: Sequence[Halt] = ()
        self._seen_ns = 0
        self.tags = Tags(halts, timer)
        self._under_way: asyncio.Future[tuple[BaseException | None]] | None = None

    async def look(self) -> None:
        """Read every halt; what goes wrong is raised."""
        self._known, self._seen_ns = await at_once(HALTS, self._read)

    def _read(self) -> tuple[Sequence[Halt], int]:
        """Every halt as it is after this moment."""
        asked_ns = self._timer.now_ns()
        return self._halts.list(self._reader), asked_ns

    async def keep_looking(self) -> None:
        """Look twice a second, until cancelled; a look that fails leaves what was known to grow old."""
        due_ns = self._timer.now_ns()
        while True:
            due_ns += EVERY_NS - (due_ns - self._phase_ns) % EVERY_NS
            await asyncio.sleep((due_ns - self._timer.now_ns()) / NS)
            await self._look_together()
            due_ns = max(due_ns, self._timer.now_ns())

    async def asked(self, ticket: Ticket) -> str | None:
        """Why this ticket may place nothing now, or None; where what is known is too old, look first."""
        if self._blind:
            await self._look_together()
        return self.stops(ticket)

    async def _look_together(self) -> None:
        """One look for all who want one meanwhile, and its failure is everybody's."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.gather(self.look(), return_exceptions=True)
        await asyncio.shield(self._under_way)

    @property
    def _blind(self) -> bool:
        return self._timer.now_ns() - self._seen_ns > BLIND_AFTER_NS

    def stops(self, ticket: Ticket) -> str | None:
        """The same by what is known already."""
        if ticket.venue in self.tags.taken_out:
            return SPOILT
        if self._blind:
            return UNREADABLE
        if not self._known:
            return None
        now = self._timer.now_ns()
        trade = Trade(Tenant.of(ticket.tenant).partner_id, self._template_id, ticket.user_id, str(ticket.venue))
        return HALTED if halted(self._known, trade, from_ns(now)) else None


class Unwatched:
    """For exits: what is open may be closed whatever is halted, and wherever."""

    def __init__(self, tags: Tags) -> None:
        self.tags = tags

    async def asked(self, _: Ticket) -> None:
        """Nothing stops it."""

    def stops(self, _: Ticket) -> None:
        """Nothing stops it."""
