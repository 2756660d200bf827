from decimal import Decimal

import pytest

from quantleap.domain import telling
from quantleap.domain.closing import INCOMPLETE, TRIES, concerns
from quantleap.domain.events import EventType
from quantleap.domain.execution import Decision, Report, State
from tests.builders import ASHA, NINE_TWENTY, TEMPLATE, a_plan, a_ticket, an_intent

DECIDED = Decision(run_id="run_1", decided_at=NINE_TWENTY)
FILLED = an_intent(state=State.FILLED, quantity=65, filled_quantity=65)
REFUSED = an_intent(state=State.REFUSED, reason="insufficient_funds", filled_quantity=0)


def test_a_ticket_that_filled_whole_has_nothing_to_tell() -> None:
    assert telling.of_ticket(a_ticket(intents=(FILLED,)), DECIDED, NINE_TWENTY, closing=False) == []


def test_an_exit_that_leaves_something_open_is_told() -> None:
    (refused, half) = telling.of_ticket(a_ticket(intents=(REFUSED,)), DECIDED, NINE_TWENTY, closing=True)

    assert refused.type is EventType.ORDER_REFUSED
    assert half.type is EventType.POSITION_INCOMPLETE
    assert half.data["closing"]


@pytest.mark.parametrize(("tries", "follows"), [(1, True), (TRIES - 1, True), (TRIES, False)])
def test_what_an_exit_leaves_open_is_told_with_whether_another_follows(tries: int, *, follows: bool) -> None:
    ticket = a_ticket(intents=(REFUSED,))

    (_, half) = telling.of_ticket(ticket, DECIDED, NINE_TWENTY, closing=True, tries=tries)

    assert half.data["unwinding"] is follows


def test_the_same_fact_told_again_is_the_same_event() -> None:
    ticket = a_ticket(intents=(REFUSED,))
    first, again = (telling.of_ticket(ticket, DECIDED, NINE_TWENTY, closing=False) for _ in range(2))

    assert first == again


@pytest.mark.parametrize(
    ("report", "decision", "kind", "reason"),
    [
        (Report(), DECIDED, EventType.EXECUTION_COMPLETED, None),
        (Report(missing_shards=1), DECIDED, EventType.EXECUTION_FAILED, "not_served_whole"),
        (
            Report(),
            DECIDED.model_copy(update={"refusal": "market_feed_failed"}),
            EventType.EXECUTION_FAILED,
            "market_feed_failed",
        ),
        (Report(), None, EventType.EXECUTION_FAILED, "not_decided"),
    ],
)
def test_the_end_of_a_run_is_told_to_each_tenant_without_the_figures_of_others(
    report: Report, decision: Decision | None, kind: EventType, reason: str | None
) -> None:
    plan = a_plan().model_copy(update={"tenants": {"zebu#test": (0,), "acme#test": (1,)}})

    told = telling.of_run(plan, report, decision)

    assert [(event.type, event.tenant, event.data["reason"]) for event in told] == [
        (kind, "zebu#test", reason),
        (kind, "acme#test", reason),
    ]
    assert "report" not in told[0].data


@pytest.mark.parametrize(
    ("only", "concerned"),
    [
        (None, True),
        (INCOMPLETE, False),
        ("partner:zebu", True),
        ("partner:acme", False),
        ("broker:zebu-test", True),
        ("broker:zebu-live", False),
        ("broker:upstox-test", False),
        (f"user:{ASHA}", True),
        ("user:usr_" + "0" * 20, False),
    ],
)
def test_an_exit_of_a_part_closes_only_that_part(only: str | None, *, concerned: bool) -> None:
    assert concerns(only, a_ticket(intents=(FILLED,)), TEMPLATE) is concerned


def test_a_strategy_stands_half_when_something_of_it_is_filled_and_something_is_not() -> None:
    partly = an_intent(state=State.OPEN, quantity=130, filled_quantity=65, average_price=Decimal(80))

    assert a_ticket(intents=(FILLED, REFUSED)).incomplete == (0,)
    assert a_ticket(intents=(partly,)).incomplete == (0,)
    assert a_ticket(intents=(FILLED,)).incomplete == ()
    assert a_ticket(intents=(REFUSED,)).incomplete == ()
