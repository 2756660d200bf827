"""Baskets changed, their versions approved, templates withdrawn."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.basket import Basket, BasketDraft, Leg, MarketplaceConfig, UpdatePolicy
from quantleap.domain.basket_changes import BasketChange, NewApproval, NewBasket
from quantleap.domain.contracts import Right
from quantleap.domain.errors import Conflict, InvalidRequest, NotFound
from quantleap.domain.model import parse
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.sizing import Size, excesses, require_tradable
from quantleap.domain.trading import Side
from quantleap.services import baskets
from tests.builders import NINE_TWENTY, TEMPLATE, Clock, a_basket, a_strategy, a_template, counting
from tests.fakes import FakeBaskets

MONDAY = date(2026, 11, 23)
REGISTERED = UpdatePolicy.REGISTERED
IDS = {"zebu": "ALGO-7"}


def change(held: FakeBaskets, **fields: Any) -> baskets.Written:
    return baskets.change(held, SHIPPED, Clock(), "admin-2", TEMPLATE, parse(BasketChange, fields))


def approve(held: FakeBaskets, number: int, first: date | None = None) -> Basket:
    wanted = NewApproval(algo_ids=IDS, effective_from=first)
    return baskets.approve(held, Clock(), "admin-2", TEMPLATE, number, wanted)[0]


def test_a_change_keeps_what_it_does_not_name_and_is_live_at_once() -> None:
    held = FakeBaskets(a_template(stop_loss=Decimal(20), target=Decimal(40)))

    written = change(held, stop_loss=15)

    live = held.get(TEMPLATE)
    assert (live.stop_loss, live.target) == (Decimal(15), Decimal(40))
    assert (live.live_version, live.latest_version) == (2, 2)
    assert written.version == held.version(TEMPLATE, 2)
    assert held.version(TEMPLATE, 1).stop_loss == 20
    assert [version.number for version in held.versions(TEMPLATE)] == [2, 1]


def test_null_takes_an_optional_field_away_and_nothing_else() -> None:
    held = FakeBaskets(a_template(stop_loss=Decimal(20)))

    assert change(held, stop_loss=None).basket.stop_loss is None
    with pytest.raises(InvalidRequest) as refusal:
        change(held, name=None)
    assert list(refusal.value.details) == ["name"]


def test_a_change_that_changes_nothing_writes_no_version() -> None:
    held = FakeBaskets(a_template(stop_loss=Decimal(20)))

    assert change(held, stop_loss=20) == (a_template(stop_loss=Decimal(20)), None)
    assert change(held).version is None


def test_under_registered_a_new_version_waits_for_its_approval() -> None:
    held = FakeBaskets(a_template(policy=REGISTERED, stop_loss=Decimal(20)))
    change(held, stop_loss=15)

    waiting = held.get(TEMPLATE)
    live = approve(held, 2)

    assert (waiting.stop_loss, waiting.live_version, waiting.latest_version) == (Decimal(20), 1, 2)
    assert (live.stop_loss, live.live_version, live.algo_ids) == (Decimal(15), 2, IDS)
    approval = held.version(TEMPLATE, 2).approval
    assert approval is not None
    assert (approval.approved_by, approval.effective_from) == ("admin-2", MONDAY)


def test_a_second_change_starts_from_the_first_though_neither_is_live() -> None:
    held = FakeBaskets(a_template(policy=REGISTERED))
    change(held, stop_loss=15)
    change(held, target=30)

    assert approve(held, 3).model_dump(include={"stop_loss", "target", "live_version"}) == {
        "stop_loss": 15,
        "target": 30,
        "live_version": 3,
    }


def test_an_approved_version_comes_in_by_itself_on_its_first_day() -> None:
    clock = Clock()
    held = FakeBaskets(a_template(policy=REGISTERED), clock=clock)
    change(held, strategies=[a_strategy(entry_time="10:00").model_dump(mode="json")])
    approve(held, 2, MONDAY + timedelta(days=1))

    before = held.get(TEMPLATE)
    clock.passes(hours=15)
    after = held.get(TEMPLATE)

    assert (before.live_version, next(iter(before.slots()))) == (1, "MON#09:20")
    assert (after.live_version, next(iter(after.slots())), after.algo_ids) == (2, "MON#10:00", IDS)
    assert after.leaving == before.strategies


def test_what_is_approved_twice_too_late_or_without_need_is_refused() -> None:
    held = FakeBaskets(a_template(policy=REGISTERED))
    for _ in range(2):
        change(held, stop_loss=len(held.states) + 10)
    approve(held, 3)

    for number, code in ((3, "version_approved"), (2, "version_superseded")):
        with pytest.raises(Conflict) as refusal:
            approve(held, number)
        assert refusal.value.reason == code
    with pytest.raises(NotFound):
        approve(held, 9)
    with pytest.raises(InvalidRequest):
        approve(held, 2, MONDAY - timedelta(days=1))
    with pytest.raises(Conflict, match="without approval"):
        approve(FakeBaskets(a_template()), 1)


def test_a_new_basket_under_registered_is_offered_only_after_its_approval() -> None:
    held = FakeBaskets()
    wanted = NewBasket(name="Condor", category="INCOME", strategies=(a_strategy(),))
    made = baskets.create(held, SHIPPED, Clock(), counting(), "admin", wanted, REGISTERED)

    with pytest.raises(Conflict) as refusal:
        made.offered(MarketplaceConfig(), NINE_TWENTY)
    assert (made.live_version, refusal.value.reason) == (0, "version_not_approved")
    approval = NewApproval(algo_ids=IDS)
    live, _ = baskets.approve(held, Clock(), "admin", made.basket_id, 1, approval)
    assert live.offered(MarketplaceConfig(), NINE_TWENTY).live_version == 1


def test_only_a_basket_that_nobody_follows_is_deleted_and_its_versions_stay() -> None:
    for basket, code in ((a_template(), "template_offered"), (a_basket(subscriber_count=1), "still_closing")):
        with pytest.raises(Conflict) as refusal:
            baskets.remove(FakeBaskets(basket), TEMPLATE)
        assert refusal.value.reason == code
    held = FakeBaskets(a_basket())
    baskets.remove(held, TEMPLATE)

    with pytest.raises(NotFound):
        held.get(TEMPLATE)
    assert held.version(TEMPLATE, 1).number == 1


def test_a_withdrawn_template_comes_back_only_when_nobody_is_left() -> None:
    with pytest.raises(Conflict) as refusal:
        a_basket(subscriber_count=1).offered(MarketplaceConfig(), NINE_TWENTY)

    assert refusal.value.reason == "still_closing"
    assert a_template(subscriber_count=1).offered(MarketplaceConfig(), NINE_TWENTY).marketplace is not None


def large(lots: int, legs: int = 1, **more: Any) -> BasketDraft:
    leg = Leg(side=Side.BUY, right=Right.CE, lots=lots)
    others = tuple(leg.model_copy(update={"right": Right.PE}) for _ in range(legs - 1))
    return a_basket(strategies=(a_strategy(legs=(leg, *others)),), **more)


@pytest.mark.parametrize(
    ("draft", "path"),
    [
        (large(50, max_lots=40), "max_lots"),
        (large(1, legs=4, max_lots=200), "max_lots"),
        (a_basket(strategies=(a_strategy(), a_strategy(), a_strategy())), "strategies[2].legs"),
    ],
)
def test_more_orders_in_a_second_than_brokers_take_are_refused(draft: BasketDraft, path: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        require_tradable(draft, MONDAY)

    assert list(refusal.value.details) == [path]


@pytest.mark.parametrize(
    "draft",
    [
        large(1, max_lots=270),
        large(3, max_lots=10),
        a_basket(strategies=(a_strategy(), a_strategy())),
        a_basket(strategies=tuple(a_strategy(entry_time=f"1{hour}:00") for hour in range(4))),
    ],
)
def test_what_fits_into_a_second_is_tradable(draft: BasketDraft) -> None:
    require_tradable(draft, MONDAY)


def test_a_subscriber_may_trade_up_to_what_the_template_and_a_second_allow() -> None:
    assert reason(large(2, max_lots=10), Size(Decimal(5))) is None
    assert reason(large(2, max_lots=10), Size(Decimal("5.5"))) == "lots_above_template_limit"
    assert reason(large(1), Size(Decimal(270))) is None
    assert reason(large(1), Size(Decimal(271))) == "too_many_orders_in_a_second"


def test_an_accounts_own_limit_of_an_order_makes_more_orders() -> None:
    assert reason(large(1), Size(Decimal(10), most_lots=1)) is None
    assert reason(large(1), Size(Decimal(11), most_lots=1)) == "too_many_orders_in_a_second"


def test_the_lots_of_all_accounts_of_a_subscriber_count_together_and_their_orders_apart() -> None:
    five, six = Size(Decimal("2.5")), Size(Decimal(3))

    assert excesses(large(2, max_lots=10), [five, five], MONDAY) == [None, None]
    both = excesses(large(2, max_lots=10), [five, six], MONDAY)
    assert [each and each.reason for each in both] == ["lots_above_template_limit"] * 2
    apart = excesses(large(1), [Size(Decimal(271)), Size(Decimal(1))], MONDAY)
    assert [each and each.reason for each in apart] == ["too_many_orders_in_a_second", None]


def reason(draft: BasketDraft, size: Size) -> str | None:
    (excess,) = excesses(draft, [size], MONDAY)
    return excess and excess.reason
