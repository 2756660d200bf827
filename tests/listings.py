"""Lists of contracts for tests, and a broker that shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from quantleap.domain.account import Session
from quantleap.domain.broker import Answer, Catalogue, Instrument, Request
from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.instruments import Master
from quantleap.domain.series import lot_size

MONDAY = date(2026, 11, 23)
"""Followed by a holiday, then by a trading Wednesday."""
FRIDAY = date(2026, 11, 20)
THURSDAY = date(2026, 11, 19)
WEDNESDAY = date(2026, 11, 25)

EXPIRIES = (MONDAY, date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 29))


def a_listing(
    indexes: Iterable[Index] = (Index.NIFTY, Index.BANKNIFTY),
    expiries: Iterable[date] = EXPIRIES,
    strikes: int = 20,
    **changes: Any,
) -> dict[Contract, Instrument]:
    """Calls and puts around 26,000; the exchange's lot sizes unless told otherwise."""
    contracts = [
        Contract(index, expiry, Decimal(26000 + 50 * step), right)
        for index in indexes
        for expiry in expiries
        for step in range(strikes)
        for right in Right
    ]
    return {each: _instrument(each, number)._replace(**changes) for number, each in enumerate(contracts)}


def _instrument(each: Contract, number: int) -> Instrument:
    name = f"{each.index}{each.expiry:%d%b%y}{each.right[0]}{each.strike}".upper()
    return Instrument(each, "NFO", name, str(40_000 + 7 * number), lot_size(each.index, each.expiry), TICK, 1800)


def a_full_listing() -> dict[Contract, Instrument]:
    """As many index options as the exchange lists, and more: 12,000."""
    weeks = [MONDAY + timedelta(weeks=week) for week in range(12)]
    return a_listing(Index, weeks, strikes=100)


def a_master(day: date = MONDAY, listed: Mapping[Contract, Instrument] | None = None, **changes: Any) -> Master:
    usual = Master("zebu", day, day, a_listing() if listed is None else listed)
    return usual._replace(**changes)


@dataclass
class ListingBroker:
    """Shows `lists`, one after the other and the last for ever; a failure is raised."""

    lists: list[Mapping[Contract, Instrument] | Exception]
    name: str = "zebu"
    needs_session: bool = False
    odd: int = 0
    asked_with: list[Session | None] = field(default_factory=list)

    @property
    def capability(self) -> Any:
        return SimpleNamespace(master_needs_session=self.needs_session)

    def master(self, session: Session | None = None) -> Request:
        self.asked_with.append(session)
        return Request("GET", "https://broker.example", "/list", {}, b"")

    def instruments(self, answer: Answer) -> Catalogue:
        shown = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
        if isinstance(shown, Exception):
            raise shown
        return Catalogue(shown, self.odd)


class FakeMasterStore:
    """Keeps lists in memory; `reads` counts what was asked for."""

    def __init__(self, *held: Master) -> None:
        self.held = {(each.broker_id, each.day): each for each in held}
        self.reads = 0

    def read(self, broker_id: str, day: date) -> Master | None:
        self.reads += 1
        return self.held.get((broker_id, day))

    def write(self, master: Master) -> None:
        self.held[master.broker_id, master.day] = master
