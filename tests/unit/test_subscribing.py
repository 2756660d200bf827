from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from quantleap.adapters.machine import draw
from quantleap.domain.account import AccountStatus
from quantleap.domain.basket import MarketplaceConfig, Pricing, PricingType, Visibility
from quantleap.domain.errors import AlreadySubscribed, Conflict, InvalidRequest, NotFound
from quantleap.domain.ids import repeating
from quantleap.domain.partner import PartnerKey, RevenueShare
from quantleap.domain.sessions import AlwaysOpen, TradingCalendar
from quantleap.domain.subscription import NewSubscription, Status, Subscription, SubscriptionFilter
from quantleap.services import subscriptions
from tests.builders import (
    ASHAS_MAIL,
    NINE_TWENTY,
    OTHERS,
    TEMPLATE,
    ZEBU,
    Clock,
    a_key,
    a_template,
    an_account,
    early_closing,
)
from tests.fakes import Stores, a_market, in_memory

ACME = a_key(partner_id="acme")


@pytest.fixture
def market() -> Stores:
    return a_market(in_memory())


def subscribe(market: Stores, key: PartnerKey | None = None, **changes: Any) -> Subscription:
    fields = {"template_id": TEMPLATE, "user_email": ASHAS_MAIL, "broker_client_id": "ZEBU123"}
    wanted = NewSubscription.model_validate({**fields, **changes})
    begun = subscriptions.subscribe(
        market.subscriptions, market.accounts, AlwaysOpen(), Clock(), draw, key or a_key(), wanted
    )
    return begun.subscription


def test_a_subscription_refers_to_the_template_and_trades_at_the_users_account(market: Stores) -> None:
    made = subscribe(market, lot_multiplier="2.5")

    (allocation,) = made.allocations
    assert (made.template_id, made.status) == (TEMPLATE, Status.ACTIVE)
    assert (allocation.client_id, allocation.broker_id, allocation.lot_multiplier) == (
        "ZEBU123",
        "zebu",
        Decimal("2.5"),
    )


def test_the_partner_earns_its_share_of_the_fee(market: Stores) -> None:
    earned = subscribe(market, a_key(revenue_share=RevenueShare())).attribution

    assert (earned.monthly_commission, earned.platform_fee) == (Decimal("299.70"), Decimal("699.30"))
    assert (earned.commission_rate, earned.partner_api_key_id) == (Decimal("0.3"), "key_zebu")


def test_a_free_template_earns_nothing(market: Stores) -> None:
    free = MarketplaceConfig(pricing=Pricing(type=PricingType.FREE))
    market.baskets.add(a_template(basket_id="bsk_free", marketplace=free))

    assert subscribe(market, template_id="bsk_free").attribution.monthly_commission == 0


def test_the_template_counts_its_subscribers(market: Stores) -> None:
    subscribe(market)

    assert market.baskets.get(TEMPLATE).subscriber_count == 1


def test_a_second_subscription_names_the_first(market: Stores) -> None:
    first = subscribe(market)

    with pytest.raises(AlreadySubscribed) as refusal:
        subscribe(market)

    assert refusal.value.subscription_id == first.subscription_id


def test_a_request_that_draws_the_same_ids_again_finds_what_it_stored(market: Stores) -> None:
    """It died before anybody was told, and came again."""
    wanted = NewSubscription(template_id=TEMPLATE, user_email=ASHAS_MAIL, broker_client_id="ZEBU123")
    stores, clock = (market.subscriptions, market.accounts, AlwaysOpen()), Clock()
    first = subscriptions.subscribe(*stores, clock, repeating("seed"), a_key(), wanted)
    clock.passes(minutes=1)

    again = subscriptions.subscribe(*stores, clock, repeating("seed"), a_key(), wanted)

    assert again.subscription == first.subscription
    assert market.baskets.get(TEMPLATE).subscriber_count == 1


def test_after_cancelling_the_user_may_subscribe_anew(market: Stores) -> None:
    first = subscribe(market)
    subscriptions.cancel(market.subscriptions, Clock(), ZEBU, first.subscription_id)

    assert subscribe(market).status is Status.ACTIVE
    assert market.baskets.get(TEMPLATE).subscriber_count == 1


@pytest.mark.parametrize("change", [{"user_email": "new@example.com"}, {"broker_client_id": "OTHER1"}])
def test_without_a_linked_account_the_fix_is_named(market: Stores, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        subscribe(market, **change)

    assert "POST /partner/broker-accounts" in refusal.value.details["broker_client_id"]


def test_a_disabled_account_cannot_be_used(market: Stores) -> None:
    account = market.accounts.get(an_account().user_id, "ZEBU123")
    disabled = account.model_copy(update={"account_status": AccountStatus.DISABLED, "version": 2})
    market.accounts.save(disabled)

    with pytest.raises(Conflict) as refusal:
        subscribe(market)

    assert refusal.value.reason == "broker_account_disabled"


def test_another_partners_user_is_unknown(market: Stores) -> None:
    with pytest.raises(InvalidRequest):
        subscribe(market, ACME)


@pytest.mark.parametrize("template_id", ["bsk_none", "bsk_private"])
def test_a_template_the_partner_cannot_see_is_not_found(market: Stores, template_id: str) -> None:
    private = MarketplaceConfig(visibility=Visibility.PRIVATE, partners=("acme",))
    market.baskets.add(a_template(basket_id="bsk_private", marketplace=private))

    with pytest.raises(NotFound):
        subscribe(market, template_id=template_id)


def test_a_withdrawn_template_is_not_found(market: Stores) -> None:
    basket = market.baskets.get(TEMPLATE)
    market.baskets.save(basket.withdrawn(NINE_TWENTY), was=basket)

    with pytest.raises(NotFound):
        subscribe(market)


def test_a_paused_subscription_can_be_resumed(market: Stores) -> None:
    made = subscribe(market)

    subscriptions.pause(market.subscriptions, Clock(), ZEBU, made.subscription_id)
    resumed = subscriptions.resume(market.subscriptions, Clock(), ZEBU, made.subscription_id)

    assert (resumed.status, resumed.version) == (Status.ACTIVE, 3)


def test_cancelling_is_final(market: Stores) -> None:
    made = subscribe(market)
    subscriptions.cancel(market.subscriptions, Clock(), ZEBU, made.subscription_id)

    with pytest.raises(Conflict):
        subscriptions.resume(market.subscriptions, Clock(), ZEBU, made.subscription_id)
    with pytest.raises(Conflict):
        subscriptions.cancel(market.subscriptions, Clock(), ZEBU, made.subscription_id)


def test_nothing_of_another_tenant_is_found(market: Stores) -> None:
    made = subscribe(market).subscription_id

    for act in (subscriptions.pause, subscriptions.resume, subscriptions.cancel):
        with pytest.raises(NotFound):
            act(market.subscriptions, Clock(), OTHERS, made)
    with pytest.raises(NotFound):
        subscriptions.one(market.subscriptions, OTHERS, made)
    assert subscriptions.listing(market.subscriptions, market.users, OTHERS, SubscriptionFilter()).items == []


def test_a_list_can_be_of_one_user_one_status_one_template(market: Stores) -> None:
    made = subscribe(market).subscription_id

    def found(**wanted: Any) -> list[str]:
        page = subscriptions.listing(
            market.subscriptions, market.users, ZEBU, SubscriptionFilter.model_validate(wanted)
        )
        return [each.subscription_id for each in page.items]

    assert found() == found(user_email=ASHAS_MAIL) == found(status="ACTIVE", template_id=TEMPLATE) == [made]
    assert found(user_email="new@example.com") == found(user_email=ASHAS_MAIL, template_id="bsk_b") == []
    assert found(status="PAUSED") == found(user_email=ASHAS_MAIL, status="PAUSED") == []


@pytest.mark.parametrize("hour", [time(15, 15), time(15, 12)])
def test_nobody_follows_at_a_broker_that_closes_intraday_positions_first(market: Stores, hour: time) -> None:
    wanted = NewSubscription(template_id=TEMPLATE, user_email=ASHAS_MAIL, broker_client_id="ZEBU123")
    stores = market.subscriptions, market.accounts, early_closing(hour)

    with pytest.raises(Conflict, match="zebu closes intraday positions itself from") as refusal:
        subscriptions.subscribe(*stores, Clock(), draw, a_key(), wanted)

    assert refusal.value.reason == "exit_after_square_off"
    assert market.baskets.get(TEMPLATE).subscriber_count == 0


@pytest.mark.parametrize("calendar", [early_closing(time(15, 16)), early_closing(broker="upstox"), TradingCalendar()])
def test_a_later_hour_another_broker_and_an_hour_nobody_confirmed_keep_nobody_out(
    market: Stores, calendar: TradingCalendar
) -> None:
    wanted = NewSubscription(template_id=TEMPLATE, user_email=ASHAS_MAIL, broker_client_id="ZEBU123")

    stores = market.subscriptions, market.accounts, calendar
    assert subscriptions.subscribe(*stores, Clock(), draw, a_key(), wanted).subscription.template_id == TEMPLATE
