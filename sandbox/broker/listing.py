"""What is listed on a day: every index's near expiries and the strikes around its base."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain.contracts import Contract, ExpiryType, Index, Right
from quantleap.domain.series import expiry_date, expiry_types, freeze_quantity, lot_size, strike_step
from quantleap.domain.sessions import Calendar
from sandbox.broker.market import CHARACTERS

LISTED = {ExpiryType.WEEKLY: 4, ExpiryType.MONTHLY: 3}
REACH = 0.12
"""Strikes are listed this far from the base, as a part of it."""

FIRST_TOKEN = 40_000


class Listing(NamedTuple):
    """A contract as it is traded on a day; sizes in units."""

    contract: Contract
    token: str
    lot_size: int
    freeze_quantity: int


def listings(on: date, calendar: Calendar) -> list[Listing]:
    """Every contract of the day, index by index, sorted by expiry, strike and right."""
    contracts = (
        contract for index in Index for expiry in expiries(index, on, calendar) for contract in chain(index, expiry)
    )
    return [
        Listing(
            contract=contract,
            token=_token(contract),
            lot_size=lot_size(contract.index, contract.expiry),
            freeze_quantity=freeze_quantity(contract.index, on),
        )
        for contract in contracts
    ]


def expiries(index: Index, on: date, calendar: Calendar) -> list[date]:
    """The expiries listed on a day, nearest first, a month's last week once."""
    found = {
        expiry
        for kind in expiry_types(index)
        for expiry, _ in zip(_series(index, kind, on, calendar), range(LISTED[kind]), strict=False)
    }
    return sorted(found)


def chain(index: Index, expiry: date) -> list[Contract]:
    """The contracts of one expiry, sorted by strike and right."""
    return [Contract(index, expiry, strike, right) for strike in _strikes(index) for right in Right]


def _series(index: Index, kind: ExpiryType, on: date, calendar: Calendar) -> Iterator[date]:
    while True:
        on = expiry_date(index, kind, on, calendar)
        yield on
        on += timedelta(days=1)


def _strikes(index: Index) -> list[Decimal]:
    base, step = CHARACTERS[index].base, int(strike_step(index))
    middle, reach = round(base / step), int(base * REACH / step)
    return [Decimal(step * n) for n in range(middle - reach, middle + reach + 1)]


def _token(contract: Contract) -> str:
    """The exchange's number of a contract, the same every day it is listed."""
    steps = int(contract.strike / strike_step(contract.index))
    series = list(Index).index(contract.index) + len(Index) * (contract.expiry.toordinal() % 3650)
    return str(FIRST_TOKEN + (series * 2000 + steps) * 2 + list(Right).index(contract.right))
