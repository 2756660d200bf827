"""The broker behind every wire format: one market, one book, one behaviour."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from quantleap.domain.clock import IST, Clock
from quantleap.domain.sessions import AlwaysOpen, Calendar, TradingCalendar
from sandbox.broker.accounts import PRESET_APPS, Accounts, Rules, Session
from sandbox.broker.behaviour import Behaviour, Rejection, Temper
from sandbox.broker.book import Order, OrderBook, Ticket
from sandbox.broker.market import Market
from sandbox.broker.misprints import SPOILT


class MarketHours(StrEnum):
    """When orders match: in the exchange's sessions, or at any hour."""

    EXCHANGE = "exchange"
    ALWAYS = "always"


class Settings(NamedTuple):
    """What a simulator is started with; without a state file it forgets everything at its end."""

    seed: int = 1
    market_hours: MarketHours = MarketHours.ALWAYS
    state_file: Path | None = None


class StateUnreadable(Exception):
    """The state file was not written by this version of the simulator."""


class FirmState(BaseModel):
    """What survives of one broker."""

    model_config = ConfigDict(extra="forbid")

    apps: dict[str, str] = PRESET_APPS
    sessions: list[Session] = []
    serial: int = 0
    orders: list[Order] = []
    late: dict[str, Rejection] = {}
    """What accepted orders will be rejected for, by their numbers."""


class State(BaseModel):
    """What survives a clean stop."""

    model_config = ConfigDict(extra="forbid")

    firms: dict[str, FirmState] = {}


class Floor:
    """What all brokers share: the market, its hours, and how the simulator behaves."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.hours: Calendar = AlwaysOpen() if settings.market_hours is MarketHours.ALWAYS else TradingCalendar()
        self.market = Market(settings.seed)
        self.temper = Temper(settings.seed)

    @property
    def today(self) -> date:
        """The day in India."""
        return self.clock().astimezone(IST).date()

    def is_open(self, at: datetime) -> bool:
        """Whether orders match; a day the calendar does not know is closed."""
        return at.astimezone(IST).date() <= self.hours.last_day and self.hours.is_open(at)

    def rejection(self, client_id: str, at: datetime) -> Rejection | None:
        """Why an order of this client is refused whatever it says, or None."""
        told = self.temper.rejection(client_id)
        return told or (None if self.is_open(at) else Rejection.MARKET_CLOSED)


class Firm:
    """One broker: its accounts and its book. Takes orders, lets the market act on them, and remembers."""

    def __init__(self, name: str, floor: Floor, rules: Rules, state: FirmState) -> None:
        self.name = name
        self.floor = floor
        self.accounts = Accounts(rules, state.apps, state.sessions)
        self.book = OrderBook(state.orders, state.serial)
        self._late = dict(state.late)

    @property
    def state(self) -> FirmState:
        """What is to survive a stop."""
        return FirmState(
            apps=self.accounts.apps,
            sessions=self.accounts.sessions,
            serial=self.book.serial,
            orders=list(self.book.all()),
            late=self._late,
        )

    def place(self, ticket: Ticket, rejection: Rejection | None, at: datetime) -> Order:
        """Enter an order that arrived at `at`; refuse it, or let the market act on it."""
        order = self.book.add(ticket, at)
        late = self.floor.temper.late_rejection(ticket.client_id) if rejection is None else None
        if late is not None:
            self._late[order.number] = late
        elif rejection is None:
            self._match(order, at)
        else:
            order.reject(rejection, at)
        return order

    def clear(self) -> None:
        """Forget every order."""
        self.book.clear()
        self._late.clear()

    def replace(self, order: Order, ticket: Ticket, at: datetime) -> None:
        """Change a resting order."""
        order.replace(ticket, at)
        self._match(order, at)

    def orders(self, client_id: str, at: datetime) -> list[Order]:
        """A client's orders as the book shows them, after the market of `at` acted on those that rest."""
        orders = self.book.of(client_id)
        self.refresh(orders, at)
        late = timedelta(milliseconds=self.floor.temper.behaviour.book_late_ms)
        shown = [order for order in orders if order.arrived_at + late <= at]
        for misprint in self.floor.temper.misprints(client_id):
            shown = SPOILT[misprint](shown)
        return shown

    def working(self, client_id: str, number: str, at: datetime) -> Order | None:
        """One of the client's orders, if the market of `at` leaves it unfinished."""
        order = self.book.find(client_id, number)
        if order is not None:
            self.refresh([order], at)
        return None if order is None or order.status.final else order

    def refresh(self, orders: Iterable[Order], at: datetime) -> None:
        """Let the market of `at` act on orders that rest."""
        for order in orders:
            if not order.status.final:
                self._settle(order, at)

    def _settle(self, order: Order, at: datetime) -> None:
        """Reject what was accepted only to be rejected; let the market act on any other."""
        late = self._late.pop(order.number, None)
        if late is None:
            self._match(order, at)
        else:
            order.reject(late, at)

    def _match(self, order: Order, at: datetime) -> None:
        if order.arrived_at.astimezone(IST).date() < at.astimezone(IST).date():
            order.cancel(at)
        elif self.floor.is_open(at):
            quote = self.floor.market.quote(order.ticket.contract, at)
            order.match(quote, self.floor.temper.behaviour.fill, at)


class Simulator:
    """Every broker, over one market."""

    def __init__(self, settings: Settings, clock: Clock, rules: Mapping[str, Rules]) -> None:
        state = _load(settings.state_file)
        self.floor = Floor(settings, clock)
        self.firms = {
            name: Firm(name, self.floor, of_firm, state.firms.get(name, FirmState())) for name, of_firm in rules.items()
        }

    def orders(self) -> list[tuple[Firm, Order]]:
        """Everybody's orders as they stand, in the order of their arrival."""
        at = self.floor.clock()
        for firm in self.firms.values():
            firm.refresh(firm.book.all(), at)
        found = [(firm, order) for firm in self.firms.values() for order in firm.book.all()]
        return sorted(found, key=lambda pair: pair[1].arrived_at)

    def reset(self) -> None:
        """Forget orders and behave well again; logins stay."""
        for firm in self.firms.values():
            firm.clear()
        self.floor.temper.become(Behaviour())

    def save(self) -> None:
        """Write what survives a stop, whole or not at all."""
        file = self.floor.settings.state_file
        if file is None:
            return
        state = State(firms={name: firm.state for name, firm in self.firms.items()})
        draft = file.with_suffix(".draft")
        draft.write_text(state.model_dump_json())
        draft.replace(file)


def _load(file: Path | None) -> State:
    if file is None or not file.exists():
        return State()
    try:
        return State.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise StateUnreadable(f"{file}: {error.error_count()} entries cannot be read") from None
