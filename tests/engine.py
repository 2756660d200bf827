"""A whole engine in memory: virtual time, a broker that speaks Zebu's wire, stores that keep what real ones keep.

The power can be cut at any call or wait: everything after that raises, as it does in a process that is gone,
while what the stores and the broker were told before stays told.
"""

import asyncio
import json
import selectors
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.lines import prepare
from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.basket import Basket
from quantleap.domain.broker import Answer, Broker, NotSent, Request, Unknown
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.errors import Conflict, Unavailable
from quantleap.domain.events import Happening
from quantleap.domain.execution import Decision, Due, Kind, Lease, Plan, Report, Seat, Share, Ticket, Tickets, Timing
from quantleap.domain.halts import Halt
from quantleap.domain.ids import run_id
from quantleap.domain.partner import Environment
from quantleap.services.desk import Desk, Errand
from quantleap.services.gate import from_ns, to_ns

type Line = dict[str, str]
"""A line of Zebu's order book."""

T = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
"""09:20 on a Monday, IST."""


class PowerCut(BaseException):
    """The process is gone; no `except Exception` may hold it."""


class Hangs[R](Exception):
    """Of a call in a thread: it takes so long before it comes to what `then` does."""

    def __init__(self, seconds: float, then: Callable[[], R]) -> None:
        super().__init__(seconds)
        self.seconds, self.then = seconds, then


class _Jump(selectors.DefaultSelector):
    """Never waits: tells the loop how far time would have moved."""

    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self._loop.elapsed += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing to do; threads run where they are asked for."""

    def __init__(self, start: datetime) -> None:
        self.start_ns = to_ns(start)
        self.elapsed = 0.0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self.elapsed

    def now_ns(self) -> int:
        """Wall-clock time to the microsecond."""
        return self.start_ns + round(self.elapsed * 1e6) * 1000

    def run_in_executor[*Ts, R](
        self, executor: Executor | None, func: Callable[[*Ts], R], *args: *Ts
    ) -> asyncio.Future[R]:
        future: asyncio.Future[R] = self.create_future()
        try:
            future.set_result(func(*args))
        except Hangs as hang:
            self.call_later(hang.seconds, _end, future, hang.then)
        except Exception as error:  # noqa: BLE001 - what a thread would hand on
            future.set_exception(error)
        return future


def _end[R](future: asyncio.Future[R], then: Callable[[], R]) -> None:
    if future.cancelled():
        return  # the thread goes on, and nobody hears of it
    try:
        future.set_result(then())
    except Exception as error:  # noqa: BLE001 - what a thread would hand on
        future.set_exception(error)


def play[R](work: Callable[[], Awaitable[R]], start: datetime) -> R:
    """Run `work` in virtual time from `start`."""

    async def whole() -> R:
        return await work()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(whole())


def _now_ns() -> int:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.now_ns()


@dataclass
class Power:
    """Counts every step and fails at the one it was told to, and at all after it."""

    cut_at: int | None = None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.cut_at is not None and self.steps >= self.cut_at:
            raise PowerCut


class VirtualTimer:
    """The loop's time, in nanoseconds."""

    def __init__(self, power: Power) -> None:
        self._power = power

    def now_ns(self) -> int:
        return _now_ns()

    async def until(self, moment_ns: int) -> None:
        self._power.step()
        await asyncio.sleep(max(0, moment_ns - _now_ns()) / 1e9)
        self._power.step()


@dataclass
class Behaviour:
    """How the broker treats one order: by default it fills it after 50 ms."""

    latency_s: float = 0.05
    lose_answer: bool = False
    lose_order: bool = False
    refusal: str | None = None
    book_status: str = "COMPLETE"
    fills_after_s: float = 0.0
    """How long it rests before it is complete."""
    body: bytes | None = None


@dataclass
class FakeZebu:
    """The broker's side of the wire; `behave` says how it treats the n-th order of an account."""

    orders: list[dict[str, str]] = field(default_factory=list)
    arrivals: list[datetime] = field(default_factory=list)
    behave: Callable[[dict[str, str], int], Behaviour] = lambda _order, _count: Behaviour()
    refuse_connections: bool = False
    connects_in_s: float = 0.0
    hangs_up_after_s: float = float("inf")
    """How long an unused connection stays open."""
    book_fails: int = 0
    book_empty: int = 0
    """So many looks into the book show nothing, wrongly."""
    lag_s: float = 0.0
    """How long after its arrival an order is in the book."""
    book_failure: int = 502
    """The status of a look into the book that fails."""
    tries: int = 0
    arrived_at: dict[str, int] = field(default_factory=dict)
    """By order id."""
    fills_at: dict[str, int] = field(default_factory=dict)
    """By order id, when one that rests is filled."""
    cancelled: list[str] = field(default_factory=list)
    cancels_fail: int = 0
    """So many are refused as too fast."""
    reads: list[datetime] = field(default_factory=list)
    """When somebody looked into a book."""
    prints: Callable[[list[Line]], list[Line]] = list
    """What its book makes of an account's lines, see `tests.misprints`."""
    holds: dict[str, dict[str, int]] = field(default_factory=dict)
    """By client, the net of each symbol that its positions show, beside what is traded since."""
    holds_as: str = "I"
    """The product they show it under."""
    positions_fail: int = 0
    """So many looks at the positions fail."""
    positions_failure: int = 502
    """The status of a look at the positions that fails."""
    asked_positions: list[datetime] = field(default_factory=list)
    """When somebody looked at positions."""

    def answer(self, payload: bytes) -> tuple[float, Answer | None]:
        """Seconds until the answer, and the answer, or None when the connection breaks instead."""
        head, _, body = payload.partition(b"\r\n\r\n")
        fields = json.loads(body.removeprefix(b"jData="))
        if b"/PlaceOrder" in head:
            return self._place(fields)
        if b"/CancelOrder" in head:
            if self.cancels_fail:
                self.cancels_fail -= 1
                return 0.05, Answer(429, {}, b"")
            return self._cancel(fields["norenordno"])
        if b"/PositionBook" in head:
            return self._positions(fields["uid"])
        self.reads.append(from_ns(_now_ns()))
        if self.book_fails:
            self.book_fails -= 1
            return 0.05, Answer(self.book_failure, {}, b"<html>")
        mine = [self._as_it_stands(order) for order in self.orders if self._shows(order, fields["uid"])]
        empty = {"stat": "Not_Ok", "emsg": "no data"}
        if self.book_empty:
            self.book_empty -= 1
            mine = []
        return 0.05, Answer(200, {}, json.dumps(self.prints(mine) or empty).encode())

    def _positions(self, client: str) -> tuple[float, Answer]:
        """What was held, and every order of it that was filled since."""
        self.asked_positions.append(from_ns(_now_ns()))
        if self.positions_fail:
            self.positions_fail -= 1
            return 0.05, Answer(self.positions_failure, {}, b"<html>")
        net = dict(self.holds.get(client, {}))
        for order in map(self._as_it_stands, self.orders):
            if order["actid"] == client and order["tsym"] in net:
                net[order["tsym"]] += int(order["fillshares"]) * (1 if order["trantype"] == "B" else -1)
        lines = [{"exch": "NFO", "tsym": name, "prd": self.holds_as, "netqty": str(n)} for name, n in net.items()]
        return 0.05, Answer(200, {}, json.dumps(lines or {"stat": "Not_Ok", "emsg": "no data"}).encode())

    def _place(self, fields: dict[str, str]) -> tuple[float, Answer | None]:
        self.tries += 1
        how = self.behave(fields, self.tries)
        if how.refusal is not None:
            return how.latency_s, Answer(200, {}, json.dumps({"stat": "Not_Ok", "emsg": how.refusal}).encode())
        if how.lose_order:
            return how.latency_s, None
        number = f"O{len(self.orders) + 1}"
        if how.fills_after_s:
            self.fills_at[number] = _now_ns() + int(how.fills_after_s * 1e9)
        self.orders.append(
            {
                **fields,
                "norenordno": number,
                "status": "OPEN" if how.fills_after_s else how.book_status,
                "fillshares": fields["qty"] if how.book_status == "COMPLETE" and not how.fills_after_s else "0",
                "avgprc": fields["prc"],
                "rejreason": "RMS: margin shortfall" if how.book_status == "REJECTED" else "",
            }
        )
        self.arrivals.append(from_ns(_now_ns()))
        self.arrived_at[number] = _now_ns()
        if how.lose_answer:
            return how.latency_s, None
        reply = json.dumps({"stat": "Ok", "norenordno": number}).encode()
        return how.latency_s, Answer(200, {}, reply if how.body is None else how.body)

    def _cancel(self, number: str) -> tuple[float, Answer | None]:
        order = next((order for order in self.orders if order["norenordno"] == number), None)
        if order is None or self._as_it_stands(order)["status"] != "OPEN":
            return 0.05, Answer(200, {}, json.dumps({"stat": "Not_Ok", "emsg": "Rejected : not open"}).encode())
        self.cancelled.append(number)
        order["status"] = "CANCELED"
        return 0.05, Answer(200, {}, json.dumps({"stat": "Ok", "result": number}).encode())

    def _shows(self, order: Line, client_id: str) -> bool:
        there = not self.lag_s or self.arrived_at[order["norenordno"]] + self.lag_s * 1e9 <= _now_ns()
        return order["actid"] == client_id and there

    def _as_it_stands(self, order: dict[str, str]) -> dict[str, str]:
        rests = order["status"] == "OPEN" and _now_ns() < self.fills_at.get(order["norenordno"], 1 << 63)
        return (
            order if order["status"] != "OPEN" or rests else {**order, "status": "COMPLETE", "fillshares": order["qty"]}
        )


class FakeLine:
    """A connection to `FakeZebu`."""

    def __init__(self, broker: FakeZebu, power: Power) -> None:
        self._broker = broker
        self._power = power
        self._is_open = False
        self._used_ns = 0

    async def open(self) -> None:
        self._power.step()
        if self._broker.refuse_connections:
            message = "refused"
            raise NotSent(message)
        if not self._is_open:
            await asyncio.sleep(self._broker.connects_in_s)
            self._is_open, self._used_ns = True, _now_ns()

    def write(self, payload: bytes) -> Awaitable[Answer]:
        self._power.step()
        if _now_ns() - self._used_ns > self._broker.hangs_up_after_s * 1e9:
            self._is_open = False
        if not self._is_open:
            message = "closed"
            raise NotSent(message)
        self._used_ns = _now_ns()
        wait, answer = self._broker.answer(payload)
        self._power.step()
        return asyncio.ensure_future(self._later(wait, answer))

    async def _later(self, wait: float, answer: Answer | None) -> Answer:
        await asyncio.sleep(wait)
        self._power.step()
        if answer is None:
            self._is_open = False
            message = "connection lost"
            raise Unknown(message)
        return answer

    def close(self) -> None:
        self._is_open = False


class FakeLines:
    """Makes lines to one broker."""

    def __init__(self, broker: FakeZebu, power: Power) -> None:
        self._broker = broker
        self._power = power

    def line(self, base_url: str) -> FakeLine:
        return FakeLine(self._broker, self._power)

    def prepare(self, request: Request) -> bytes:
        return prepare(request)


class FakeBrokers:
    """Zebu, wherever one asks."""

    def as_they_stand(self) -> "FakeBrokers":
        return self

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        return Zebu("http://broker")


class FarBrokers(FakeBrokers):
    """Their limits take 20 s to be read, in a thread; whoever asks on the event loop would hold up everybody."""

    def as_they_stand(self) -> FakeBrokers:
        raise Hangs(20, FakeBrokers)

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        message = "the event loop waits for the table"
        raise AssertionError(message)


@dataclass
class Store:
    """What a table would hold; it outlives the process that wrote it."""

    seats: list[Seat] = field(default_factory=list)
    decision: Decision | None = None
    tickets: dict[str, Ticket] = field(default_factory=dict)
    entered: list[Ticket] = field(default_factory=list)
    unreadable: int = 0
    """Tickets of the entry that are stored, and damaged."""
    claims: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, set[str]] = field(default_factory=dict)
    """By client id, the tickets that trade there at the boundary."""
    adopted: dict[str, Ticket] = field(default_factory=dict)
    leaving: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """By exit run, the strategies it was planned for."""
    leaving_only: str | None = None
    reports: dict[int, Report] = field(default_factory=dict)
    lease: dict[str, Any] = field(default_factory=dict)
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of runs other than the one that is decided."""
    basket: Basket | None = None
    statuses: dict[str, str] = field(default_factory=dict)
    accounts: dict[tuple[str, str], BrokerAccount] = field(default_factory=dict)
    sessions: dict[tuple[str, str], Session] = field(default_factory=dict)
    halts: list[Halt] = field(default_factory=list)
    events: dict[str, Happening] = field(default_factory=dict)
    blind: bool = False


class FakeDesk:
    """Every port of a worker over one store; each call is a step at which the power may go."""

    def __init__(self, store: Store, power: Power) -> None:
        self._store = store
        self._power = power

    def seats(self, run_id: str, plan_id: str, shard: int) -> Sequence[Seat]:
        self._power.step()
        return self._store.seats

    def decision(self, run_id: str, plan_id: str) -> Decision:
        self._power.step()
        assert self._store.decision is not None
        return self._store.decision

    def take_lease(self, run_id: str, shard: int, holder: str, attempt: int, now: datetime, ends: datetime) -> Lease:
        self._power.step()
        held = self._lease(run_id)
        again = held and held["holder"] == holder and held["attempt"] < attempt
        if held and not again and held["ends"] >= now:
            message = "busy"
            raise Conflict(message, code="shard_busy")
        held.update(holder=holder, attempt=attempt, ends=ends, token=held.get("token", 0) + 1)
        self._power.step()
        return Lease(held["token"], held.get("armed_until"))

    def _lease(self, run_id: str) -> dict[str, Any]:
        decided = self._store.decision
        ours = decided is None or decided.run_id == run_id
        return self._store.lease if ours else self._store.leases.setdefault(run_id, {})

    def arm(self, run_id: str, shard: int, token: int, until: datetime) -> None:
        self._power.step()
        held = self._lease(run_id)
        if held["token"] != token:
            message = "fenced"
            raise Conflict(message, code="fenced")
        held["armed_until"] = max(until, held.get("armed_until", until))
        self._power.step()

    def write_tickets(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        for ticket in tickets:
            self._power.step()
            stored = self._stored(ticket) or self._store.adopted.get(ticket.run_id + ticket.name, ticket)
            if not stored.settled:
                self._fence(overtaken=stored.lease > ticket.lease)
                stored = stored.served_under(ticket.lease)
            self._put(stored)
        self._power.step()
        return [self._stored(ticket) or ticket for ticket in tickets]

    def _stored(self, wanted: Ticket) -> Ticket | None:
        found = (*self._store.tickets.values(), *self._store.entered)
        return next((each for each in found if _key(each) == _key(wanted)), None)

    def _put(self, ticket: Ticket) -> None:
        """Where it stands already, else among those of the run that is decided."""
        self._store.entered = [ticket if _key(each) == _key(ticket) else each for each in self._store.entered]
        if ticket in self._store.entered:
            return
        places = (place for place, each in self._store.tickets.items() if _key(each) == _key(ticket))
        self._store.tickets[next(places, ticket.name)] = ticket

    def tickets(self, run_id: str, shard: int, tenant: str | None) -> Tickets:
        self._power.step()
        return Tickets([each for each in self._store.entered if each.run_id == run_id], self._store.unreadable)

    def claim_exit(self, ticket: Ticket, exit_run: str) -> Sequence[str]:
        self._power.step()
        runs = self._store.claims.setdefault(ticket.name, [])
        if exit_run not in runs:
            runs.append(exit_run)
        self._power.step()
        return runs[: runs.index(exit_run)]

    def join(self, tickets: Iterable[Ticket], boundary: datetime) -> None:
        for ticket in tickets:
            self._power.step()
            self._store.joined.setdefault(ticket.client_id, set()).add(ticket.name)
        self._power.step()

    def shares(self, tickets: Iterable[Ticket], boundary: datetime) -> Mapping[str, Share]:
        self._power.step()
        noted = [ticket for ticket in tickets if ticket.name in self._store.joined.get(ticket.client_id, ())]
        joined = {ticket.name: sorted(self._store.joined[ticket.client_id]) for ticket in noted}
        return {name: Share(together.index(name), len(together)) for name, together in joined.items()}

    def ticket(self, run_id: str, shard: int, tenant: str, name: str) -> Ticket | None:
        self._power.step()
        found = (*self._store.tickets.values(), *self._store.entered)
        written = next((each for each in found if _key(each) == (run_id, name)), None)
        return written or self._store.adopted.get(run_id + name)

    def adopt_ticket(self, ticket: Ticket) -> Ticket:
        self._power.step()
        stored = self._store.adopted.setdefault(ticket.run_id + ticket.name, ticket)
        self._power.step()
        return stored

    def plan(self, run_id: str) -> Plan:
        self._power.step()
        due = Due(
            run_id=run_id,
            kind=Kind.EXIT if "_exit_" in run_id else Kind.ENTRY,
            boundary=T,
            template_id="bsk_1",
            version=1,
            strategies=self._store.leaving.get(run_id, (0,)),
            only=self._store.leaving_only,
        )
        return Plan(due=due, plan_id="p1", shards=1, tenants={}, venues=())

    def settle(self, ticket: Ticket, told: Sequence[Happening] = ()) -> None:
        self._power.step()
        stored = self._stored(ticket)
        assert stored is not None
        self._fence(overtaken=stored.settled or stored.lease != ticket.lease)
        self._put(ticket)
        self._tell(told)
        self._power.step()

    def learn(self, ticket: Ticket) -> None:
        self._power.step()
        stored = self._stored(ticket)
        if stored is not None and stored.settled and stored.lease == ticket.lease:
            self._put(ticket)
        self._power.step()

    def _tell(self, told: Sequence[Happening]) -> None:
        for each in told:
            assert each.event_id not in self._store.events, "told twice"
            self._store.events[each.event_id] = each

    def _fence(self, *, overtaken: bool) -> None:
        if overtaken:
            message = "a successor serves it"
            raise Conflict(message, code="fenced")

    def report(self, run_id: str, shard: int, report: Report) -> None:
        self._power.step()
        self._store.reports[shard] = report
        self._power.step()

    def get(self, basket_id: str) -> Basket:
        self._power.step()
        assert self._store.basket is not None
        return self._store.basket

    def statuses(self, names: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        self._power.step()
        return {name: self._store.statuses[name] for _user, name in names if name in self._store.statuses}

    def many(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], BrokerAccount]:
        self._power.step()
        return {name: self._store.accounts[name] for name in names if name in self._store.accounts}

    def account(self, user_id: str, client_id: str) -> BrokerAccount:
        self._power.step()
        return self._store.accounts[user_id, client_id]

    def save(self, account: BrokerAccount, told: Sequence[Happening] = ()) -> None:
        self._power.step()
        self._store.accounts[account.user_id, account.client_id] = account
        self._tell(told)
        self._power.step()

    def sessions(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Session]:
        self._power.step()
        return {name: self._store.sessions[name] for name in names if name in self._store.sessions}


def _key(ticket: Ticket) -> tuple[str, str]:
    return ticket.run_id, ticket.name


class FakeAccounts:
    """The accounts of a store."""

    def __init__(self, desk: FakeDesk) -> None:
        self.many, self.get, self.save = desk.many, desk.account, desk.save


class FakeHalts:
    """The halts of a store; a `blind` one can be neither read nor written."""

    def __init__(self, store: Store, power: Power) -> None:
        self._store = store
        self._power = power

    def list(self, reader: int = 0) -> Sequence[Halt]:
        self._power.step()
        if self._store.blind:
            raise Unavailable("the table does not answer")
        return tuple(self._store.halts)

    def put(self, halt: Halt) -> None:
        self._power.step()
        if self._store.blind:
            raise Unavailable("the table does not answer")
        self._store.halts.append(halt)


def a_desk(store: Store, broker: FakeZebu, power: Power | None = None, timing: Timing | None = None) -> Desk:
    """A worker's desk over a store and a broker."""
    power = power or Power()
    ports: Any = FakeDesk(store, power)
    accounts: Any = FakeAccounts(ports)
    halts: Any = FakeHalts(store, power)
    return Desk(
        runs=ports,
        leases=ports,
        plans=ports,
        baskets=ports,
        subscriptions=ports,
        accounts=accounts,
        vault=ports,
        halts=halts,
        brokers=FakeBrokers(),
        lines=FakeLines(broker, power),
        timer=VirtualTimer(power),
        timing=timing or Timing(),
    )


def an_errand(**changes: Any) -> Errand:
    """The errand every test runs, first attempt."""
    usual = Errand(
        run_id=run_id("entry", T, "bsk_1", 1, None),
        plan_id="p1",
        shard=0,
        boundary=T,
        template_id="bsk_1",
        version=1,
        closes=None,
        holder="execution-1",
        attempt=0,
        ends=T + timedelta(seconds=120),
    )
    return usual._replace(**changes)


def survive(work: Callable[[], Awaitable[Any]], start: datetime) -> bool:
    """Play until the end or the power cut; True when the power held."""
    with suppress(PowerCut, BaseExceptionGroup):
        play(work, start)
        return True
    return False


def contract(strike: int, right: str) -> Contract:
    """A NIFTY option of 23 November 2026."""
    return Contract(Index.NIFTY, date(2026, 11, 23), Decimal(strike), Right(right))
