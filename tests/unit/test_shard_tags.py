"""Books that spoil tags: orders are found by their id, nothing is sent twice, and the broker is taken out."""

from collections import Counter
from datetime import timedelta

import pytest
from botocore.exceptions import ReadTimeoutError

from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import State, Ticket
from quantleap.domain.halts import HALTED, Halt
from quantleap.services.shard import serve
from quantleap.services.tags import NOT_HALTED, SPOILT
from quantleap.services.trader import Trader
from tests import misprints
from tests.engine import Behaviour, FakeZebu, Hangs, Line, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_exits import EXIT, after_entry, leave
from tests.unit.test_shard_inheriting import held
from tests.unit.test_shard_late_fills import TICKET, naked, turned_round

SPOILING = (*misprints.REMNANTS, *misprints.NAMELESS)


def reasons(ticket: Ticket) -> list[str | None]:
    return [intent.reason for intent in ticket.intents]


def scopes(store: Store) -> set[str]:
    return {halt.scope for halt in store.halts}


@pytest.mark.parametrize("misprint", SPOILING)
def test_orders_are_found_by_their_id_and_nothing_more_is_sent_to_a_broker_that_spoils_tags(
    misprint: misprints.Misprint,
) -> None:
    store, broker = a_store(1), FakeZebu(prints=misprint)

    report = run(store, broker)

    ticket = store.tickets[TICKET]
    assert states(ticket) == [State.FILLED] * 2 + [State.NOT_SENT] * 2
    assert reasons(ticket) == [None, None, SPOILT, SPOILT]
    assert report.incomplete == 1
    assert scopes(store) == {"broker:zebu-test"}
    assert {halt.set_by for halt in store.halts} == {"engine"}


def test_a_broker_that_was_taken_out_is_told_and_halted_for_the_next_run() -> None:
    store, broker = a_store(1), FakeZebu(prints=misprints.upper_tags)
    served = play(lambda: serve(a_desk(store, broker), an_errand()), WARM)
    assert [str(venue) for venue in served.taken_out] == ["zebu#test"]
    assert len(store.halts) == 1

    again = a_store(2)
    again.halts = store.halts

    assert run(again, FakeZebu()).skipped == {HALTED: 2}


def test_a_broker_is_out_for_the_worker_though_the_halt_cannot_be_written() -> None:
    store, broker = a_store(1), FakeZebu(prints=misprints.upper_tags)
    desk = a_desk(store, broker)

    def put(_: Halt) -> None:
        raise Unavailable("the table does not answer")

    desk.halts.put = put  # type: ignore[method-assign,assignment]  # only the write fails

    served = play(lambda: serve(desk, an_errand()), WARM)

    assert served.report.refused == {SPOILT: 2}
    assert served.taken_out


@pytest.mark.parametrize("misprint", SPOILING)
def test_an_exit_closes_all_though_the_book_spoils_tags(misprint: misprints.Misprint) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    broker.prints = misprint

    assert leave(store, broker).counts == {"filled": 4}
    assert not held(broker)
    assert scopes(store) == {"broker:zebu-test"}


def nothing() -> None:
    raise ReadTimeoutError(endpoint_url="https://dynamodb")


@pytest.mark.parametrize("hangs_s", [0, 30])
def test_a_halt_that_hangs_and_fails_keeps_no_exit_waiting(hangs_s: int, caplog: pytest.LogCaptureFixture) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(2), broker, keep=True)
    broker.prints, entered = misprints.upper_tags, len(broker.arrivals)
    desk, errand = a_desk(store, broker), an_errand(run_id=EXIT, closes=an_errand().run_id)

    def put(_: Halt) -> None:
        if hangs_s:
            raise Hangs(hangs_s, nothing)
        nothing()

    desk.halts.put = put  # type: ignore[method-assign,assignment]  # only the write fails

    served = play(lambda: serve(desk, errand), WARM)

    assert served.report.counts == {"filled": 8}
    assert not held(broker)
    assert max(broker.arrivals[entered:]) < T + timedelta(seconds=3)
    assert NOT_HALTED in caplog.text


def test_an_order_that_shows_without_its_tag_only_at_the_last_look_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, broker = a_store(2), FakeZebu()
    died(store, broker, 34)
    by_hand = {"actid": "C1", "norenordno": "M1", "remarks": "", "tsym": "NIFTY26400CE", "trantype": "B", "qty": "130"}
    late = {**by_hand, "status": "COMPLETE", "fillshares": "130", "avgprc": "80", "rejreason": ""}
    broker.orders, confirm = [], Trader.confirm

    async def confirm_later(trader: Trader) -> None:
        if trader.ticket.client_id == "C1":
            broker.orders.append(late)
        await confirm(trader)

    monkeypatch.setattr(Trader, "confirm", confirm_later)
    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert reasons(store.tickets["sub_1#alloc_1"]) == [SPOILT, *["hedge_failed"] * 3]
    assert states(store.tickets[TICKET]) == [State.FILLED] * 4


def died(store: Store, broker: FakeZebu, cut_at: int) -> None:
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)


@pytest.mark.parametrize("misprint", SPOILING)
@pytest.mark.parametrize("cut_at", range(20, 62))
def test_who_takes_over_sends_nothing_twice_where_tags_are_spoilt(misprint: misprints.Misprint, cut_at: int) -> None:
    store, broker = a_store(2), FakeZebu(prints=misprint)
    died(store, broker, cut_at)
    sent = len(broker.orders)

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) <= {1}
    unknown = [each for ticket in store.tickets.values() for each in ticket.intents if each.state is State.UNKNOWN]
    assert {each.reason for each in unknown} <= {SPOILT}
    if sent and misprint in misprints.REMNANTS:
        assert not unknown
        assert len(broker.orders) == sent or scopes(store)
    if not sent:
        return
    accounts = {order["actid"] for order in broker.orders[:sent]}
    assert bool(scopes(store)) or len(accounts) < 2


def test_an_order_by_hand_that_looks_like_ours_holds_one_account_back_and_nobody_else() -> None:
    store, broker = a_store(2), FakeZebu()
    died(store, broker, 34)
    by_hand = {"actid": "C1", "norenordno": "M1", "remarks": "", "tsym": "NIFTY26400CE", "trantype": "B", "qty": "130"}
    broker.orders = [{**by_hand, "status": "COMPLETE", "fillshares": "130", "avgprc": "80", "rejreason": ""}]

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert states(store.tickets[TICKET]) == [State.FILLED] * 4
    assert reasons(store.tickets["sub_1#alloc_1"]) == [SPOILT, *["hedge_failed"] * 3]
    assert not store.halts


@pytest.mark.parametrize("misprint", misprints.NAMELESS)
def test_an_order_that_may_stand_without_its_tag_is_not_one_that_never_arrived(misprint: misprints.Misprint) -> None:
    store = naked(a_store(1))
    broker = FakeZebu(behave=lambda _, count: Behaviour(lose_answer=count == 2), prints=misprint)

    report = run(store, broker)

    assert report.counts == {"filled": 1, "unknown": 1}
    placed, store = list(broker.orders), turned_round(store)
    broker.orders, broker.behave = placed, lambda _, __: Behaviour()
    assert leave(store, broker).skipped == {"entry_not_settled": 1}


@pytest.mark.parametrize("misprint", misprints.NAMELESS)
def test_one_look_at_an_order_that_may_be_ours_is_enough_whatever_later_looks_leave_out(
    misprint: misprints.Misprint,
) -> None:
    shown = [2, 2]

    def cut(lines: list[Line]) -> list[Line]:
        return misprint(lines)[: shown.pop() if shown else 1]

    broker = FakeZebu(behave=lambda _, count: Behaviour(lose_answer=count == 2), prints=cut)

    assert run(naked(a_store(1)), broker).counts == {"filled": 1, "unknown": 1}
    assert not shown


def test_tags_of_others_are_nobodys_remnants() -> None:
    others = [{"remarks": tag, "norenordno": f"X{n}", "actid": "C0"} for n, tag in enumerate(("ql", "QLTEST01", "zz"))]
    line = {"tsym": "OTHER", "trantype": "B", "qty": "130", "status": "COMPLETE", "fillshares": "130", "avgprc": "1"}

    def beside(lines: list[Line]) -> list[Line]:
        return [*lines, *({**line, **other, "rejreason": ""} for other in others)]

    store = a_store(1)

    assert run(store, FakeZebu(prints=beside)).counts == {"filled": 4}
    assert not store.halts
