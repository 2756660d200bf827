"""What a template allows is asked whenever a run is planned: it may allow less than when somebody subscribed."""

from decimal import Decimal
from typing import Any

import pytest

from quantleap.adapters import keys
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.domain import planning
from quantleap.domain.execution import Due, Kind, Ticket, Trigger
from quantleap.domain.subscription import Allocation
from quantleap.services import precision_timer
from quantleap.services.precision_timer import Timer
from quantleap.services.rehearsal import Stage
from tests.builders import NINE_TWENTY, TEMPLATE, a_strategy, a_subscription
from tests.integration.test_precision_timer import (
    THREE_FIFTEEN,
    feed,  # noqa: F401 - a fixture
    market,  # noqa: F401 - a fixture
    planned,
    timer,  # noqa: F401 - a fixture
)
from tests.integration.test_rehearsal import rehearsed, stage  # noqa: F401 - a fixture

LARGE = f"usr_{9:020}"


def follows(table: Table, *multipliers: int, **own: Any) -> None:
    """One more follower, with an account of each size."""
    allocations = tuple(
        Allocation(
            allocation_id=f"alloc_{number:016}",
            broker_id="zebu",
            client_id=f"LARGE{number}",
            lot_multiplier=Decimal(each),
            **own,
        )
        for number, each in enumerate(multipliers)
    )
    for each in allocations:
        table.put({**keys.broker_account(LARGE, each.client_id), "account_status": "enabled"})
    TableSubscriptions(table).add(a_subscription(9, user_id=LARGE, allocations=allocations))


def change(over: Timer, **fields: Any) -> None:
    """The template as an administrator writes it anew."""
    was = over.baskets.get(TEMPLATE)
    moved = {"version": was.version + 1, "live_version": was.live_version + 1}
    over.baskets.save(was.model_copy(update={**fields, **moved}), was=was)


def tickets(over: Timer) -> list[Ticket]:
    """Every ticket of the 09:20 run."""
    plan = planned(over)
    (decision,) = precision_timer.decide(over, [plan])
    seats = (seat for n in range(plan.shards) for seat in over.plans.seats(plan.due.run_id, plan.plan_id, n))
    return [ticket for seat in seats for ticket in planning.tickets(decision, seat, 0)]


def larger_legs(lots: int) -> Any:
    usual = a_strategy()
    return (usual.model_copy(update={"legs": tuple(leg.model_copy(update={"lots": lots}) for leg in usual.legs)}),)


def fates(made: list[Ticket]) -> dict[str, set[str | None]]:
    """By user, whether the large one or another, why their tickets were skipped."""
    found: dict[str, set[str | None]] = {}
    for ticket in made:
        found.setdefault("large" if ticket.user_id == LARGE else "others", set()).add(ticket.skipped)
    return found


def test_a_cap_that_was_lowered_holds_for_those_who_follow_already(
    market: Timer,  # noqa: F811 - the fixture of that name
    table: Table,
) -> None:
    follows(table, 20)
    change(market, max_lots=2)

    made = tickets(market)

    assert fates(made) == {"large": {"lots_above_template_limit"}, "others": {None}}
    assert max(intent.quantity // intent.lot_size for ticket in made for intent in ticket.intents) <= 2


def test_a_version_with_larger_legs_sends_nobody_more_orders_in_a_second_than_brokers_take(
    market: Timer,  # noqa: F811 - the fixture of that name
    table: Table,
) -> None:
    follows(table, 20)
    change(market, strategies=larger_legs(20))

    made = tickets(market)

    assert fates(made) == {"large": {"too_many_orders_in_a_second"}, "others": {None}}
    assert max(len(ticket.intents) for ticket in made) <= 10


@pytest.mark.parametrize(
    ("multipliers", "own", "fate"),
    [
        ((1, 1), {}, {None}),
        ((1, 2), {}, {"lots_above_template_limit"}),
        ((2,), {"max_lots_per_order": 1}, {None}),
    ],
)
def test_the_cap_is_the_users_over_all_accounts(
    market: Timer,  # noqa: F811 - the fixture of that name
    table: Table,
    multipliers: tuple[int, ...],
    own: dict[str, int],
    fate: set[str | None],
) -> None:
    follows(table, *multipliers, **own)
    change(market, max_lots=2)

    assert fates(tickets(market))["large"] == fate


def test_orders_that_an_account_wants_small_count_too(
    market: Timer,  # noqa: F811 - the fixture of that name
    table: Table,
) -> None:
    follows(table, 3, max_lots_per_order=1)

    assert fates(tickets(market))["large"] == {"too_many_orders_in_a_second"}


def test_who_no_longer_fits_is_closed_all_the_same(
    market: Timer,  # noqa: F811 - the fixture of that name
    table: Table,
) -> None:
    follows(table, 20)
    entered = planned(market).due
    change(market, max_lots=2)

    (leaving,) = precision_timer.plan(market, _leaving(market, entered))

    assert leaving.tenants == {"zebu#test": (0, 1, 2)}


def _leaving(over: Timer, entered: Due) -> list[Due]:
    return precision_timer.triggered(
        over, Trigger(at=THREE_FIFTEEN, template_id=TEMPLATE, kind=Kind.EXIT, closes=entered.run_id)
    )


def test_the_rehearsal_says_half_an_hour_before_who_no_longer_fits(
    stage: Stage,  # noqa: F811 - the fixture of that name
) -> None:
    change(stage.timer, strategies=larger_legs(50) * 2)

    found = rehearsed(stage)

    assert (found.boundary, found.ready) == (NINE_TWENTY, 0)
    assert found.reasons == {"too_many_orders_in_a_second": 5}
