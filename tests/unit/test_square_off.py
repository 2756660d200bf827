"""The hour at which a broker closes intraday positions itself: who may follow, and how large a way out may be."""

from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.broker import Position
from quantleap.domain.clock import IST
from quantleap.domain.execution import Intent, State
from quantleap.domain.square_off import SquareOffs, capped, closes_first, last_intraday_exit, may_have_begun, warnings
from quantleap.domain.trading import Product, Side, SquareOff
from tests.builders import NINE_TWENTY, a_strategy, a_template
from tests.engine import contract

HOUR = datetime(2026, 11, 23, 15, 12, tzinfo=IST)
HOURS: SquareOffs = {"upstox": SquareOff(HOUR, confirmed=True), "zebu": SquareOff(HOUR, confirmed=False)}
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("broker", "leaves", "first"),
    [
        ("upstox", HOUR - SECOND, False),
        ("upstox", HOUR, True),
        ("upstox", HOUR + SECOND, True),
        ("upstox", None, False),
        ("zebu", HOUR + SECOND, False),
        ("simulated", HOUR + SECOND, False),
    ],
)
def test_a_confirmed_hour_keeps_from_entering_what_would_leave_at_it_or_later(
    broker: str, leaves: datetime | None, *, first: bool
) -> None:
    assert closes_first(HOURS, broker, leaves) is first


@pytest.mark.parametrize(
    ("broker", "before", "begun"),
    [("upstox", 60, True), ("zebu", 60, True), ("zebu", 61, False), ("simulated", 0, False)],
)
def test_any_hour_makes_an_exit_look_first_from_a_minute_before_it_on(broker: str, before: int, *, begun: bool) -> None:
    assert may_have_begun(HOURS, broker, HOUR - before * SECOND) is begun


def test_what_is_carried_has_no_such_hour() -> None:
    intraday, carried = a_strategy(exit_time=time(15)), a_strategy(exit_time=time(15, 30), product=Product.CARRY)

    assert last_intraday_exit([intraday, carried], NINE_TWENTY) == HOUR.replace(hour=15, minute=0)
    assert last_intraday_exit([carried], NINE_TWENTY) is None


def test_whoever_writes_a_template_reads_which_brokers_close_before_it_leaves() -> None:
    early, late = a_strategy(exit_time=time(15, 11)), a_strategy(exit_time=time(15, 12))

    (said,) = warnings(a_template(strategies=(early, late)), HOURS, NINE_TWENTY)

    assert said.startswith(
        "strategies[1] leaves at 15:12: upstox closes intraday positions itself from 15:12, "
        "zebu closes intraday positions itself from 15:12 (unconfirmed)"
    )


def an_intent(side: Side, quantity: int, leg: int = 0, **changes: object) -> Intent:
    usual = Intent(
        intent_id=f"{leg}",
        tag="t",
        strategy=0,
        leg=leg,
        side=side,
        symbol="CE",
        exchange="NFO",
        token="1",
        lot_size=65,
        tick=Decimal("0.05"),
        contract=contract(26000, "CE"),
        product=Product.INTRADAY,
        quantity=quantity,
        limit_price=Decimal(100),
    )
    return usual.model_copy(update=changes)


def held(units: int, product: Product | None = Product.INTRADAY, symbol: str = "CE", token: str = "") -> Position:
    return Position("NFO", symbol, product, units, None, None, token)


def sizes(intents: list[Intent]) -> list[int]:
    return [each.quantity if each.state is State.PLANNED else 0 for each in intents]


@pytest.mark.parametrize(
    ("positions", "sent", "reason"),
    [
        ([held(130)], [65, 65], None),
        ([held(100)], [65, 35], None),
        ([held(65)], [65, 0], "squared_off_by_broker"),
        ([held(-65)], [0, 0], "squared_off_by_broker"),
        ([held(65), held(65)], [65, 65], None),
        ([held(65), held(500, Product.CARRY)], [65, 0], "squared_off_by_broker"),
        ([held(500, Product.CARRY)], [0, 0], "position_not_shown"),
        ([held(65), held(65, None)], [0, 0], "position_not_shown"),
        ([held(130, symbol="PE")], [0, 0], "position_not_shown"),
        ([held(130, symbol="NIFTY 26000 CE", token="1")], [65, 65], None),
        ([held(130, symbol="NIFTY 26000 CE")], [0, 0], "position_not_shown"),
        ([], [0, 0], "position_not_shown"),
    ],
)
def test_slices_share_what_the_positions_show(positions: list[Position], sent: list[int], reason: str | None) -> None:
    found = capped([an_intent(Side.SELL, 65, 0), an_intent(Side.SELL, 65, 1)], positions)

    assert sizes(found) == sent
    assert found[1].reason == reason


def test_what_is_carried_and_what_is_done_stays_as_it_is() -> None:
    intents = [
        an_intent(Side.SELL, 65, 0, product=Product.CARRY),
        an_intent(Side.SELL, 65, 1, state=State.FILLED, filled_quantity=65),
    ]

    assert capped(intents, []) == intents


def test_what_rests_or_is_in_doubt_may_still_close_its_part() -> None:
    resting = an_intent(Side.SELL, 65, 0, state=State.OPEN, filled_quantity=15)
    doubted = an_intent(Side.SELL, 30, 1, state=State.UNKNOWN)

    *_, last = capped([resting, doubted, an_intent(Side.SELL, 65, 2)], [held(100)])

    assert last.quantity == 20


@given(
    st.integers(-300, 300),
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(1, 200), st.sampled_from([State.PLANNED, State.OPEN])), max_size=6
    ),
)
def test_whatever_is_held_orders_of_one_side_never_turn_it_round(
    units: int, orders: list[tuple[Side, int, State]]
) -> None:
    intents = [an_intent(side, size, leg, state=state) for leg, (side, size, state) in enumerate(orders)]
    before = units + sum(_signed(each) for each in intents if each.state is State.OPEN)

    found = capped(intents, [held(units)])

    planned = [each for each in found if each.state is State.PLANNED]
    after = before + sum(map(_signed, planned))
    assert 0 <= after <= max(before, 0) or min(before, 0) <= after <= 0
    assert all(now.quantity <= was.quantity for was, now in zip(intents, found, strict=True))


def _signed(intent: Intent) -> int:
    return intent.quantity if intent.side is Side.BUY else -intent.quantity
