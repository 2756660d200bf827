"""What an exit left open is tried again by itself: in the shards it was left in, at new prices, a few times."""

from datetime import timedelta

from quantleap.domain import closing
from quantleap.domain.execution import Due, Report, Trigger
from quantleap.domain.runs import Left, exit_of
from quantleap.services import precision_timer
from quantleap.services.precision_timer import Timer
from tests.integration.test_precision_timer import (
    THREE_FIFTEEN,
    Starter,
    feed,  # noqa: F401 - a fixture
    market,  # noqa: F401 - a fixture
    planned,
    timer,  # noqa: F401 - a fixture
)


def left_open(market: Timer, due: Due, *incomplete: int | None) -> Starter:  # noqa: F811 - a fixture
    """An exit whose shards reported so many positions left open each, None where one said nothing, closed."""
    market.runs.adopt_plan(
        market.runs.plan(due.closes or "").model_copy(update={"due": due, "shards": len(incomplete)})
    )
    for number, count in enumerate(incomplete):
        if count is not None:
            market.runs.report(due.run_id, number, Report(incomplete=count))
    starter = Starter()
    precision_timer.close(market, starter, timedelta(seconds=5), due.run_id)
    return starter


def test_what_an_exit_left_open_is_tried_again_where_it_was_left(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)
    leaving = exit_of(entry.due, THREE_FIFTEEN, (0,), only="partner:zebu")

    ((due, request),) = left_open(market, leaving, 0, 2, None).started

    assert due.boundary == market.clock() + timedelta(seconds=5)
    assert (due.closes, due.only, due.strategies) == (entry.due.run_id, "partner:zebu", (0,))
    assert (due.follows, due.shards, due.tries) == (leaving.run_id, (1, 2), 2)
    assert precision_timer.triggered(market, Trigger.model_validate(request)) == [due]


def test_an_exit_that_left_nothing_open_is_the_last(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)

    assert left_open(market, exit_of(entry.due, THREE_FIFTEEN, (0,)), 0, 0).started == []


def test_after_the_last_try_somebody_has_to_look(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)
    last = exit_of(entry.due, THREE_FIFTEEN, (0,), left=Left("run_before", (0, 1), closing.TRIES))

    assert left_open(market, last, 1, 1).started == []


def test_an_exit_is_tried_again_once_however_often_it_is_closed(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)
    leaving = exit_of(entry.due, THREE_FIFTEEN, (0,))

    first = left_open(market, leaving, 1).started
    later = market._replace(clock=lambda: market.clock() + timedelta(seconds=9))

    assert left_open(later, leaving, 1).started == first


def test_another_try_is_planned_for_the_shards_and_tenants_it_concerns_alone(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)
    wider = entry.model_copy(update={"shards": 3, "tenants": {"zebu#test": (0, 1), "acme#test": (2,)}})
    again = exit_of(entry.due, THREE_FIFTEEN, (0,), left=Left("run_before", (1,), 2))

    made = precision_timer._plan_exit(market, again, wider)

    assert (list(made.served), made.tenants) == ([1], {"zebu#test": (1,)})


def test_two_exits_that_follow_others_may_meet_at_one_boundary(market: Timer) -> None:  # noqa: F811 - a fixture
    entry = planned(market)
    each = [exit_of(entry.due, THREE_FIFTEEN, (0,), left=Left(name, (0,), 2)) for name in ("run_a", "run_b")]

    assert len({due.run_id for due in each}) == 2
