"""Books that print oddly, through a whole shard: nothing is filled with 0 units, nothing filled is unseen."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from quantleap.domain.broker import BrokerFailure
from quantleap.domain.events import EventType
from quantleap.domain.execution import State
from quantleap.services.shard import serve
from tests import misprints
from tests.engine import Behaviour, FakeZebu, Line, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_belief import died_after_sending, unanswered
from tests.unit.test_shard_exits import after_entry, leave
from tests.unit.test_shard_late_fills import TICKET, naked, resting, sells, turned_round

OUR_WORDS = {kind.reason for kind in BrokerFailure.__subclasses__()}


@pytest.mark.parametrize("misprint", misprints.AS_GOOD)
def test_a_book_that_says_everything_oddly_is_read(misprint: misprints.Misprint) -> None:
    store = a_store(1)

    report = run(store, FakeZebu(prints=misprint))

    assert (report.counts, report.incomplete) == ({"filled": 4}, 0)
    assert {each.filled_quantity for each in store.tickets[TICKET].intents} == {130}


@pytest.mark.parametrize("misprint", misprints.SILENT)
def test_hedges_of_which_the_book_does_not_say_how_much_is_filled_let_no_sell_leave(
    misprint: misprints.Misprint,
) -> None:
    store, broker = a_store(1), FakeZebu(prints=misprint)

    report = run(store, broker)

    assert {order["trantype"] for order in broker.orders} == {"B"}
    assert states(store.tickets[TICKET]) == [State.ACKNOWLEDGED] * 2 + [State.NOT_SENT] * 2
    assert (report.filled, report.incomplete, report.refused) == (0, 1, {"hedge_unfilled": 2})
    assert [each.type for each in store.events.values()] == [EventType.POSITION_INCOMPLETE]


@pytest.mark.parametrize("misprint", misprints.SILENT)
def test_what_was_not_said_at_the_entry_its_exit_finds_and_closes(misprint: misprints.Misprint) -> None:
    broker = FakeZebu(prints=misprint)
    entered = naked(a_store(1))
    assert run(entered, broker).counts == {"acknowledged": 2}
    placed, store = list(broker.orders), turned_round(entered)
    broker.orders, broker.prints = placed, list

    assert leave(store, broker).counts == {"filled": 2}


@pytest.mark.parametrize("misprint", misprints.SILENT)
def test_an_exit_whose_buybacks_are_not_said_keeps_its_hedges(misprint: misprints.Misprint) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    entered = len(broker.orders)
    broker.prints = lambda lines: [*lines[:entered], *misprint(lines[entered:])]

    report = leave(store, broker)

    assert (report.incomplete, report.refused) == (1, {"buyback_unfilled": 2})
    assert [order["trantype"] for order in broker.orders[entered:]] == ["B", "B"]


@pytest.mark.parametrize("misprint", misprints.AS_GOOD)
def test_who_takes_over_finds_every_order_in_an_odd_book(misprint: misprints.Misprint) -> None:
    store, broker = a_store(1), FakeZebu(prints=misprint)
    died_after_sending(store, broker)

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}
    assert states(store.tickets[TICKET]) == [State.FILLED] * 4


@pytest.mark.parametrize("cut_at", range(30, 60))
def test_who_takes_over_takes_nothing_for_filled_that_the_book_does_not_say_how_much_of(cut_at: int) -> None:
    store, broker = a_store(1), FakeZebu(prints=misprints.without_units)
    survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert set(Counter(order["remarks"] for order in broker.orders).values()) <= {1}
    assert not any(state is State.FILLED for state in states(store.tickets[TICKET]))


def test_a_fill_told_after_the_order_was_taken_back_is_found_by_the_exit() -> None:
    broker = resting(sells, 600)
    entered = naked(a_store(1))
    assert run(entered, broker).counts == {"cancelled": 2}
    placed, store = list(broker.orders), turned_round(entered)
    broker.orders, broker.behave = placed, lambda _, __: Behaviour()
    placed[0].update(status="COMPLETE", fillshares=placed[0]["qty"])
    placed[1].update(fillshares="65")

    report = leave(store, broker)

    assert report.counts == {"filled": 2}
    assert [(each.state, each.filled_quantity) for each in store.entered[0].intents] == [
        (State.FILLED, 130),
        (State.CANCELLED, 65),
    ]
    assert {order["qty"] for order in broker.orders[2:]} == {"130", "65"}


def test_an_order_turned_away_and_sent_again_without_an_answer_is_waited_for() -> None:
    def at_first_too_fast(_order: dict[str, str], count: int) -> Behaviour:
        return Behaviour(refusal="Rate limit exceeded") if count == 1 else Behaviour(lose_answer=count == 2)

    store, looks = a_store(1), list[int]()
    broker = FakeZebu(behave=at_first_too_fast)

    def late(lines: list[dict[str, str]]) -> list[dict[str, str]]:
        looks.append(len(lines))
        return (misprints.turned_away_alone if len(looks) < 3 else misprints.turned_away_before)(lines)

    broker.prints = late

    assert run(store, broker).counts == {"filled": 4}
    assert {each.reason for each in store.tickets[TICKET].intents} == {None}


class TurnsAwayFirst(FakeZebu):
    """A broker that turns the first try away, keeps a line of it, and shows the second so many seconds late."""

    def __init__(self, second: Behaviour, lag_s: float = 0) -> None:
        super().__init__(lag_s=lag_s, behave=self._first, prints=lambda lines: [*self.lines, *lines])
        self.second, self.lines = second, list[Line]()

    def _first(self, order: dict[str, str], count: int) -> Behaviour:
        if count == 1:
            gone = {"status": "REJECTED", "fillshares": "0", "avgprc": "0", "rejreason": "too fast"}
            self.lines.append(order | gone | {"norenordno": "R1"})
            return Behaviour(refusal="Rate limit exceeded")
        return self.second if count == 2 else Behaviour()


LATE_S = [4.5, 7]
"""Later than the looks at one order, sooner than its absence is believed."""


@pytest.mark.parametrize("lag_s", LATE_S)
def test_an_order_sent_again_that_shows_late_lives_whatever_became_of_its_first_try(lag_s: float) -> None:
    store = a_store(1)

    run(store, TurnsAwayFirst(Behaviour(lose_answer=True), lag_s))

    assert states(store.tickets[TICKET]) == [State.FILLED, *[State.NOT_SENT] * 3]


def test_an_order_sent_again_that_never_shows_is_the_try_that_was_turned_away() -> None:
    store = a_store(1)

    run(store, TurnsAwayFirst(Behaviour(lose_order=True)))

    assert states(store.tickets[TICKET]) == [State.REJECTED, *[State.NOT_SENT] * 3]


def died_after_the_second_try(lag_s: float) -> tuple[Store, TurnsAwayFirst]:
    """A worker whose only order stands in the book, which shows the first try alone for a while."""
    for cut_at in range(1, 500):
        store, broker = a_store(1), TurnsAwayFirst(Behaviour(), lag_s)
        assert store.decision is not None
        store.decision = store.decision.model_copy(update={"orders": store.decision.orders[:1]})
        assert not survive(partial(serve, a_desk(store, broker, Power(cut_at)), an_errand()), WARM)
        if broker.orders:
            return store, broker
    raise AssertionError


@pytest.mark.parametrize("lag_s", LATE_S)
def test_who_takes_over_waits_for_the_second_try_of_an_order_whose_first_was_turned_away(lag_s: float) -> None:
    store, broker = died_after_the_second_try(lag_s)

    play(partial(serve, a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=2))

    assert states(store.tickets[TICKET]) == [State.FILLED]
    assert len(broker.orders) == 1


def test_an_exit_waits_for_the_second_try_of_an_order_nobody_answered_for() -> None:
    broker, looks = FakeZebu(), list[int]()
    store = after_entry(a_store(1), broker, keep=True)
    store.entered = [unanswered(ticket) for ticket in store.entered]

    def late(lines: list[Line]) -> list[Line]:
        looks.append(len(lines))
        return (misprints.turned_away_alone if len(looks) < 3 else misprints.turned_away_before)(lines)

    broker.prints = late

    assert leave(store, broker).counts == {"filled": 4}


def test_a_reason_is_a_word_of_ours_and_the_brokers_text_is_kept_beside_it() -> None:
    store = naked(a_store(1))
    broker = FakeZebu(
        behave=lambda _, count: Behaviour(lose_answer=count == 1, refusal="Weird" if count == 2 else None)
    )
    broker.book_fails = 1000

    report = run(store, broker)

    assert report.refused.keys() <= OUR_WORDS | {"order_book_unreadable"}
    (unanswered, _) = store.tickets[TICKET].intents
    assert (unanswered.state, unanswered.reason, unanswered.said) == (State.UNKNOWN, "unknown", "connection lost")
