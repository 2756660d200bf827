"""What clients have and what their orders block: round figures, the same at every broker; amounts in rupees."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain.contracts import Contract
from sandbox.broker.book import Position

CASH = Decimal(1_000_000)
"""What every simulated client has. Only the behaviour `insufficient_funds` refuses for money."""

SHORT_MARGIN = Decimal("0.12")
"""Part of the notional value that a short option blocks; a round figure near the exchange's."""


class Blocked(NamedTuple):
    """What is blocked: margin for what is short, and the premium paid less received."""

    span: Decimal
    premium: Decimal

    @property
    def total(self) -> Decimal:
        """Premium received does not free margin."""
        return self.span + max(self.premium, Decimal())


class Leg(NamedTuple):
    """An order that might be placed; `units` are below 0 for a sale."""

    contract: Contract
    units: int
    price: Decimal


def held(positions: Iterable[Position]) -> Blocked:
    """What a client's positions block."""
    return added(Blocked(_span(p.ticket.contract, p.net), p.paid - p.received) for p in positions)


def basket(legs: Iterable[Leg]) -> Blocked:
    """What a basket of orders would block."""
    return added(Blocked(_span(leg.contract, leg.units), leg.units * leg.price) for leg in legs)


def added(parts: Iterable[Blocked]) -> Blocked:
    """Several blocks as one."""
    whole = Blocked(Decimal(), Decimal())
    for part in parts:
        whole = Blocked(whole.span + part.span, whole.premium + part.premium)
    return whole


def _span(contract: Contract, units: int) -> Decimal:
    return max(-units, 0) * contract.strike * SHORT_MARGIN
