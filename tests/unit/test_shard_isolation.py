"""One account's fault, at every call that is made for one account: the others of its shard trade as ever."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain import closing, planning
from quantleap.domain.account import Session
from quantleap.domain.errors import Conflict, Unavailable
from quantleap.domain.events import EventType
from quantleap.domain.execution import FAULT, Report, State, Ticket
from quantleap.services import hindsight, roster, shard
from quantleap.services.channel import Channel
from quantleap.services.gate import Fenced
from quantleap.services.isolation import FAULTED
from quantleap.services.lookout import Lookout
from quantleap.services.shard import Unsettled, serve
from quantleap.services.trader import Trader
from tests.engine import Behaviour, FakeDesk, FakeLines, FakeZebu, Store, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, run, states, unhedged
from tests.unit.test_shard_exits import EXIT, after_entry, leave
from tests.unit.test_shard_halts import expired
from tests.unit.test_shard_silence import again, dies_after

ITS = ("'C1'", '"C1"', "usr_1'", "sub_1#")
"""What the account of the second user is told by, in whatever a call is given."""

SECRET = "eyJhbGciOiJIUzI1NiJ9"


@dataclass(frozen=True)
class Site:
    """A call that is made for one account: the argument that says for which, and whether the account trades on."""

    owner: Any
    name: str
    argument: int = 0
    harmless: bool = False

    def __str__(self) -> str:
        return f"{getattr(self.owner, '__name__', self.owner)}.{self.name}"

    def fault(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Make the call fault for that account alone; returns the faults as they come."""
        real: Callable[..., Any] = getattr(self.owner, self.name)
        faults: list[str] = []

        def called(*args: Any, **more: Any) -> Any:
            if any(mark in repr(args[self.argument]) for mark in ITS):
                faults.append(str(self))
                raise KeyError(f"Bearer {SECRET}")
            return real(*args, **more)

        monkeypatch.setattr(self.owner, self.name, called)
        return faults


EVERY_WAY = [
    Site(roster, "in_the_way"),
    Site(roster, "broker", 1),
    Site(FakeDesk, "write_tickets", 1),
    Site(FakeDesk, "join", 1, harmless=True),
    Site(shard, "channel_of", 2),
    Site(FakeLines, "prepare", 1),
    Site(Zebu, "place", 1),
    Site(Zebu, "order_book", 1),
    Site(Channel, "prepare"),
    Site(Channel, "connect", harmless=True),
    Site(Trader, "prepare"),
    Site(Trader, "among"),
    Site(Trader, "open_fire"),
    Site(Trader, "trade"),
    Site(Channel, "write"),
    Site(Channel, "placed"),
    Site(Zebu, "orders", 1),
    Site(Channel, "book"),
    Site(Channel, "hang_up", harmless=True),
]
ENTERING = [Site(planning, "intent"), Site(Lookout, "stops", 1), Site(Lookout, "asked", 1)]
LEAVING = [Site(closing, "intent"), Site(closing, "concerns", 1), Site(FakeDesk, "claim_exit", 1)]


def check(report: Report, store: Store, log: str, *, harmless: bool) -> None:
    """The two others are through; the one with the fault is, or says why not."""
    tickets = {ticket.client_id: ticket for ticket in store.tickets.values()}
    for client in ("C0", "C2"):
        assert states(tickets[client]) == [State.FILLED] * 4
    assert FAULTED in log
    assert "sub_1#alloc_1" in log
    assert SECRET not in log
    if harmless:
        assert report.counts == {"filled": 12}
        return
    assert sum(report.skipped.values()) + report.refused.get(FAULT, 0) > 0
    if (its := tickets.get("C1")) is not None:
        assert its.settled
        assert FAULT in reasons(its)
    begun = its is not None and any(each.filled_quantity or each.state.uncertain for each in its.intents)
    assert report.incomplete == (1 if begun else 0)


def reasons(ticket: Ticket) -> set[str | None]:
    return {ticket.skipped, *(intent.reason for intent in ticket.intents)}


@pytest.mark.parametrize("site", EVERY_WAY + ENTERING, ids=str)
def test_a_fault_of_one_account_keeps_no_other_from_entering(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, site: Site
) -> None:
    store, broker = a_store(3), FakeZebu()
    faults = site.fault(monkeypatch)

    report = run(store, broker)

    assert faults
    check(report, store, caplog.text, harmless=site.harmless)
    assert [at for at, order in zip(broker.arrivals, broker.orders, strict=True) if order["actid"] != "C1"][:2] == [
        T
    ] * 2
    assert unhedged(broker) == []


@pytest.mark.parametrize("site", EVERY_WAY + LEAVING, ids=str)
def test_a_fault_of_one_account_keeps_no_other_from_leaving(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, site: Site
) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker)
    faults = site.fault(monkeypatch)

    report = leave(store, broker)

    assert faults
    check_exit(report, store, caplog.text, harmless=site.harmless)


@pytest.mark.parametrize("at_boundary", [True, False])
def test_what_had_left_before_a_fault_is_looked_up(monkeypatch: pytest.MonkeyPatch, *, at_boundary: bool) -> None:
    """The bytes are on their way when something faults: nobody may say that the order was not sent."""
    store, broker = a_store(3), FakeZebu(hangs_up_after_s=1e9 if at_boundary else 5)
    write = Channel.write

    def faulty(channel: Channel, intent: Any) -> Any:
        answer = write(channel, intent)
        if channel.session.client_id == "C1":
            raise KeyError(SECRET)
        return answer

    monkeypatch.setattr(Channel, "write", faulty)

    report = run(store, broker)

    assert states(store.tickets["sub_1#alloc_1"]) == [State.FILLED, *[State.NOT_SENT] * 3]
    assert sum(order["actid"] == "C1" for order in broker.orders) == 1
    assert report.incomplete == 1


def test_what_was_placed_before_a_fault_is_known_to_be_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    store, broker = a_store(3), FakeZebu()
    Site(Channel, "placed").fault(monkeypatch)

    run(store, broker)

    assert states(store.tickets["sub_1#alloc_1"]) == [State.FILLED, *[State.NOT_SENT] * 3]


def check_exit(report: Report, store: Store, log: str, *, harmless: bool) -> None:
    """What it leaves open is told, so that another exit follows."""
    tickets = {ticket.client_id: ticket for ticket in store.tickets.values()}
    for client in ("C0", "C2"):
        assert states(tickets[client]) == [State.FILLED] * 4
    assert FAULTED in log
    assert SECRET not in log
    assert report.incomplete == (0 if harmless else 1)
    if not harmless and "C1" in tickets:
        assert FAULT in reasons(tickets["C1"])
        told = [event for event in store.events.values() if event.type is EventType.POSITION_INCOMPLETE]
        assert [event.data["client_id"] for event in told] == ["C1"]


def doubtful(store: Store) -> Store:
    """The entry's orders as if the run had never heard of them again."""
    for place, ticket in enumerate(store.entered):
        unheard = (each.became(State.ACKNOWLEDGED, filled_quantity=0) for each in ticket.intents)
        store.entered[place] = ticket.with_intents(tuple(unheard), settled=True)
    return store


@pytest.mark.parametrize(
    "site",
    [Site(hindsight, "channel_of", 2), Site(Zebu, "orders", 1), Site(Channel, "book"), Site(Channel, "prepare")],
    ids=str,
)
def test_a_fault_of_one_account_keeps_no_other_from_being_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, site: Site
) -> None:
    broker = FakeZebu()
    store = doubtful(after_entry(a_store(3), broker, keep=True))
    faults = site.fault(monkeypatch)

    report = leave(store, broker)

    assert faults
    assert FAULTED in caplog.text
    assert report.counts == {"filled": 8}
    assert report.skipped == {"entry_not_settled": 1}
    assert report.incomplete == 1


def test_what_was_learnt_of_one_account_and_cannot_be_stored_is_closed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker = FakeZebu()
    store = doubtful(after_entry(a_store(3), broker, keep=True))
    faults = Site(FakeDesk, "learn", 1).fault(monkeypatch)

    assert leave(store, broker).counts == {"filled": 12}
    assert faults
    assert FAULTED in caplog.text


@pytest.mark.parametrize("call", ["take_lease", "write_tickets", "plan"])
def test_a_dead_run_that_cannot_be_taken_over_keeps_no_other_account_from_leaving(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str
) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker, keep=True)
    dead = store.entered[1]
    store.entered[1] = dead.with_intents(dead.intents, settled=False)
    real, faults = getattr(FakeDesk, call), list[str]()

    def faulty(desk: FakeDesk, of: Any, *more: Any) -> Any:
        if dead.run_id in (of, *(each.run_id for each in of if isinstance(each, Ticket))):
            faults.append(call)
            raise OSError(SECRET)
        return real(desk, of, *more)

    monkeypatch.setattr(FakeDesk, call, faulty)

    report = leave(store, broker)

    assert faults
    assert report.counts == {"filled": 8}
    assert (report.skipped, report.incomplete) == ({"entry_not_settled": 1}, 1)
    assert not store.entered[1].settled
    assert f"{FAULTED}: {dead.run_id} {dead.name}: OSError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("site", [Site(Trader, "recover"), Site(Zebu, "orders", 1), Site(Channel, "book")], ids=str)
def test_a_fault_in_recovering_one_account_keeps_no_other_from_being_completed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, site: Site
) -> None:
    """Each account's first order lies at the broker; of the one that faults a later look may tell that no more do."""
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 3, users=3)
    faults = site.fault(monkeypatch)

    report = again(store, broker, timedelta(seconds=32))

    assert faults
    tickets = {ticket.client_id: ticket for ticket in store.tickets.values()}
    assert [states(tickets[client]) for client in ("C0", "C2")] == [[State.FILLED] * 4] * 2
    assert {FAULT, "never_arrived"} & set(reasons(tickets["C1"]))
    assert states(tickets["C1"]).count(State.FILLED) <= 1
    assert sum(order["actid"] == "C1" for order in broker.orders) == 1
    assert report.incomplete == 1
    assert FAULTED in caplog.text


def test_a_fault_in_taking_back_one_accounts_order_keeps_no_other_from_being_settled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, broker = a_store(3), FakeZebu()
    broker.behave = lambda order, _: Behaviour(book_status="OPEN" if order["actid"] == "C1" else "COMPLETE")
    faults = Site(Zebu, "cancel", 1).fault(monkeypatch)

    report = run(store, broker)

    assert faults
    assert report.counts == {"filled": 8, "open": 2, "not_sent": 2}
    assert report.incomplete == 1
    assert FAULTED in caplog.text


def test_a_login_that_cannot_be_noted_as_dead_keeps_nothing_from_being_settled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = a_store(2)
    broker = FakeZebu(behave=lambda order, n: expired({"actid": "C0"}, n) if order["actid"] == "C1" else Behaviour())
    faults = Site(FakeDesk, "save", 1).fault(monkeypatch)

    report = run(store, broker)

    assert faults
    assert report.refused == {"session_expired": 4}
    assert report.counts["filled"] == 4
    assert FAULTED in caplog.text


def test_an_account_that_changes_all_the_time_is_no_sign_of_another_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(*_: object) -> None:
        raise Conflict("it changed meanwhile")

    monkeypatch.setattr(FakeDesk, "save", changed)

    report = run(a_store(2), FakeZebu(behave=expired))

    assert report.refused == {"session_expired": 4}
    assert report.counts["filled"] == 4
    assert FAULTED in caplog.text


def test_a_token_that_fits_no_header_is_its_accounts_trouble(caplog: pytest.LogCaptureFixture) -> None:
    store, broker = a_store(3), FakeZebu()
    store.sessions["usr_1", "C1"] = Session(
        access_token=f"{SECRET}\u2019", client_id="C1", expires_at=T + timedelta(hours=5)
    )

    report = run(store, broker)

    check(report, store, caplog.text, harmless=False)
    assert report.refused == {FAULT: 4}


def test_one_account_that_cannot_be_stored_in_a_table_that_stores_nothing_is_not_its_own_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next attempt finds a table that works again; nobody is left out meanwhile."""

    def down(*_: object) -> None:
        raise OSError("the table is gone")

    monkeypatch.setattr(FakeDesk, "write_tickets", down)
    store = a_store(3)

    with pytest.raises(OSError, match="the table is gone"):
        run(store, FakeZebu())
    assert not store.reports


def test_a_ticket_that_cannot_be_settled_is_settled_by_the_next_attempt_and_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, broker = a_store(3), FakeZebu()
    with monkeypatch.context() as patch:
        Site(FakeDesk, "settle", 1).fault(patch)
        with pytest.raises(Unsettled):
            run(store, broker)
    assert (store.reports[0].counts, store.reports[0].incomplete) == ({"filled": 12}, 1)
    assert sorted(ticket.client_id for ticket in store.tickets.values() if ticket.settled) == ["C0", "C2"]

    assert again(store, broker, timedelta(seconds=40)).counts == {"filled": 12}
    assert len(broker.orders) == 12


def test_that_a_successor_took_over_is_no_accounts_own_fault() -> None:
    store, broker = a_store(2), FakeZebu(behave=lambda _, __: Behaviour(latency_s=1.9))
    desk = a_desk(store, broker)
    arm = desk.leases.arm

    def overtaken(run_id: str, shard: int, token: int, until: Any) -> None:
        if until > T + timedelta(seconds=2):
            store.lease["token"] += 1
        arm(run_id, shard, token, until)

    desk.leases.arm = overtaken  # type: ignore[method-assign]  # the first renewal after the boundary

    with pytest.raises(Fenced):
        play(lambda: serve(desk, an_errand()), WARM)
    assert not any(ticket.settled for ticket in store.tickets.values())


def test_a_ticket_of_the_entry_that_cannot_be_read_is_told_and_keeps_no_other_from_leaving() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker)
    store.entered, store.unreadable = store.entered[:2], 1

    report = leave(store, broker)

    assert report.counts == {"filled": 8}
    assert (report.skipped, report.incomplete) == ({FAULT: 1}, 1)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_session_that_faults_when_it_is_read_is_its_accounts_trouble(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, leaving: bool
) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker) if leaving else a_store(3)
    Site(FakeDesk, "sessions", 1).fault(monkeypatch)

    report = leave(store, broker) if leaving else run(store, broker)

    assert report.counts == {"filled": 8}
    assert report.skipped == {"broker_session_unreadable": 1}
    assert "sub_1#alloc_1" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("fault", [Unavailable("the vault does not answer"), OSError(SECRET)])
def test_a_vault_that_answers_for_none_of_the_doubted_accounts_keeps_no_other_from_leaving(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker, keep=True)
    certain, store = list(store.entered), doubtful(store)
    store.entered = [certain[0], store.entered[1], certain[2]]
    sessions = FakeDesk.sessions

    def not_alone(desk: FakeDesk, names: Any) -> Any:
        if len(list(names)) == 1:
            raise fault
        return sessions(desk, names)

    monkeypatch.setattr(FakeDesk, "sessions", not_alone)

    report = leave(store, broker)

    assert report.counts == {"filled": 8}
    assert (report.skipped, report.incomplete) == ({"entry_not_settled": 1}, 1)
    assert "sub_1#alloc_1" in caplog.text
    assert SECRET not in caplog.text


def test_a_vault_that_answers_for_nobody_is_no_accounts_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise OSError("the vault is gone")

    monkeypatch.setattr(FakeDesk, "sessions", down)
    store = a_store(3)

    with pytest.raises(OSError, match="the vault is gone"):
        run(store, FakeZebu())
    assert not store.tickets


@pytest.mark.parametrize("leaving", [False, True])
def test_a_ticket_that_can_never_be_settled_is_told_in_the_report_of_its_shard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, leaving: bool
) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(3), broker) if leaving else a_store(3)
    Site(FakeDesk, "settle", 1).fault(monkeypatch)

    for attempt in range(2):
        errand = an_errand(attempt=attempt, **({"run_id": EXIT, "closes": an_errand().run_id} if leaving else {}))
        with pytest.raises(Unsettled, match="sub_1#alloc_1"):
            play(partial(serve, a_desk(store, broker), errand), WARM + timedelta(seconds=40 * attempt))

        report = store.reports[0]
        assert (report.counts, report.incomplete) == ({"filled": 12}, 1)
    assert sorted(ticket.client_id for ticket in store.tickets.values() if ticket.settled) == ["C0", "C2"]
    assert len(broker.orders) == 12
    assert FAULTED in caplog.text


def test_a_ticket_nobody_can_trade_that_cannot_be_settled_keeps_no_other_from_entering(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, broker = a_store(3), FakeZebu()
    Site(shard, "channel_of", 2).fault(monkeypatch)
    Site(FakeDesk, "settle", 1).fault(monkeypatch)

    with pytest.raises(Unsettled):
        run(store, broker)

    assert [states(store.tickets[f"sub_{n}#alloc_{n}"]) for n in (0, 2)] == [[State.FILLED] * 4] * 2
    assert store.reports[0].incomplete == 1


def test_a_ticket_that_cannot_be_taken_over_may_have_sent_orders_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 3, users=3)
    Site(FakeDesk, "write_tickets", 1).fault(monkeypatch)

    with pytest.raises(Unsettled, match="sub_1#alloc_1"):
        again(store, broker, timedelta(seconds=32))

    tickets = {ticket.client_id: ticket for ticket in store.tickets.values()}
    assert [states(tickets[client]) for client in ("C0", "C2")] == [[State.FILLED] * 4] * 2
    assert (store.reports[0].skipped, store.reports[0].incomplete) == ({FAULT: 1}, 1)


def test_a_worker_that_was_overtaken_tells_nothing_of_tickets_it_could_not_settle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, broker = a_store(3), FakeZebu()
    settle = FakeDesk.settle

    def overtaken(desk: FakeDesk, ticket: Ticket, told: Any = ()) -> None:
        if ticket.client_id == "C2":
            raise Conflict("a successor serves it", code="fenced")
        if ticket.client_id == "C1":
            raise KeyError(SECRET)
        settle(desk, ticket, told)

    monkeypatch.setattr(FakeDesk, "settle", overtaken)

    with pytest.raises(Fenced):
        run(store, broker)
    assert not store.reports
