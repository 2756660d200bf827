"""What the platform will do next, for whoever runs it."""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.firing import Firing, Horizon, firings, horizon
from quantleap.domain.ports import Baskets
from quantleap.domain.sessions import Calendar

SHOWN = 30
"""Fire times in one answer."""


class Ahead(NamedTuple):
    """The next fire times, and how far sessions are known."""

    firings: Sequence[Firing]
    horizon: Horizon


def ahead(baskets: Baskets, calendar: Calendar, clock: Clock) -> Ahead:
    """The next fire times of every template on offer: one query."""
    now = clock()
    return Ahead(list(islice(firings(baskets.listed(), calendar, now), SHOWN)), horizon(calendar, now))
