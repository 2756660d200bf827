from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.clock import IST
from quantleap.domain.errors import Conflict, InvalidRequest
from quantleap.domain.model import parse
from quantleap.domain.subscription import (
    MOVES,
    Action,
    NewSubscription,
    Status,
    next_billing_date,
    states_before,
)
from tests.builders import NINE_TWENTY, a_subscription

WANTED = {"template_id": "bsk_a", "user_email": "a@b.in", "broker_client_id": "ZEBU123"}

instants = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made aware here
    lambda moment: moment.replace(tzinfo=UTC)
)


def in_india(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 12, tzinfo=IST)


@pytest.mark.parametrize(("status", "action"), list(product(Status, Action)))
def test_only_the_moves_of_the_table_are_possible(status: Status, action: Action) -> None:
    subscription = a_subscription(status=status)

    if (status, action) in MOVES:
        assert subscription.after(action, NINE_TWENTY).status is MOVES[status, action]
    else:
        with pytest.raises(Conflict, match=f"Cannot {action} a subscription that is {status}"):
            subscription.after(action, NINE_TWENTY)


def test_pausing_and_resuming_have_one_state_to_come_from() -> None:
    assert [states_before(action) for action in (Action.PAUSE, Action.RESUME)] == [
        (Status.ACTIVE,),
        (Status.PAUSED,),
    ]


def test_a_move_is_a_new_version_at_its_time() -> None:
    later = NINE_TWENTY + timedelta(hours=1)

    paused = a_subscription().after(Action.PAUSE, later)

    assert (paused.version, paused.changed_at) == (2, later)


@pytest.mark.parametrize(
    ("months", "expected"),
    [(1, (2026, 2, 28)), (2, (2026, 3, 31)), (3, (2026, 4, 30)), (12, (2027, 1, 31)), (25, (2028, 2, 29))],
)
def test_a_bill_keeps_its_day_or_takes_the_last_of_a_short_month(months: int, expected: tuple[int, int, int]) -> None:
    assert next_billing_date(in_india(2026, 1, 31), months) == in_india(*expected)


def test_the_day_of_a_bill_is_the_one_in_india() -> None:
    late_on_the_30th_in_london = datetime(2026, 1, 30, 20, tzinfo=UTC)

    billed = next_billing_date(late_on_the_30th_in_london).astimezone(IST)

    assert (billed.month, billed.day) == (2, 28)


@given(instants, st.integers(1, 60))
def test_bills_come_once_in_each_calendar_month(start: datetime, months: int) -> None:
    first, billed = start.astimezone(IST), next_billing_date(start, months).astimezone(IST)

    assert (billed.year * 12 + billed.month) - (first.year * 12 + first.month) == months
    assert billed.day <= first.day
    assert billed.timetz() == first.timetz()


@pytest.mark.parametrize(
    ("lots", "multiplier", "expected"), [(1, "2.5", 2), (2, "2.5", 5), (1, "0.01", 1), (3, "0.5", 1), (1, "1", 1)]
)
def test_lots_are_whole_and_never_none(lots: int, multiplier: str, expected: int) -> None:
    allocation = a_subscription().allocations[0].model_copy(update={"lot_multiplier": Decimal(multiplier)})

    assert allocation.lots(lots) == expected


@pytest.mark.parametrize("name", ["template_id", "template_basket_id"])
def test_a_template_goes_by_either_name(name: str) -> None:
    fields = {("x" if key == "template_id" else key): value for key, value in WANTED.items()}
    fields[name] = fields.pop("x")

    assert parse(NewSubscription, fields).template_id == "bsk_a"


def test_both_names_may_be_sent_when_they_agree() -> None:
    assert parse(NewSubscription, {**WANTED, "template_basket_id": "bsk_a"}).template_id == "bsk_a"


def test_two_different_templates_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="name different templates"):
        parse(NewSubscription, {**WANTED, "template_basket_id": "bsk_b"})


@pytest.mark.parametrize("multiplier", [0, "0.001", 1000.5, -1, "NaN", "x", None, [], True])
def test_a_multiplier_outside_its_range_is_refused_by_name(multiplier: object) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(NewSubscription, {**WANTED, "lot_multiplier": multiplier})

    assert list(refusal.value.details) == ["lot_multiplier"]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(NewSubscription, {"user_email": "x", "lot_multiplier": 0, "auto_link_broker": False, "colour": 1})

    assert sorted(refusal.value.details) == [
        "auto_link_broker",
        "broker_client_id",
        "colour",
        "lot_multiplier",
        "template_id",
        "user_email",
    ]
