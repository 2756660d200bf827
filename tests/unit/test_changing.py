"""Subscriptions changed: lots, accounts, and the split over several of them."""

from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.account import Person
from quantleap.domain.errors import Conflict, InvalidRequest, NotFound
from quantleap.domain.ids import named_by, user_of_sign_in
from quantleap.domain.model import parse
from quantleap.domain.partner import PLATFORM, Environment, Tenant
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import Action, OwnFilter, OwnSubscription, Status, SubscriptionChange
from quantleap.services import subscriptions
from quantleap.services.subscriptions import Ports
from tests.builders import (
    ASHA,
    NINE_TWENTY,
    OTHERS,
    TEMPLATE,
    ZEBU,
    Clock,
    a_subscription,
    an_account,
    counting,
    early_closing,
)
from tests.fakes import Stores, a_market, in_memory

NAME = a_subscription().subscription_id
US = Tenant(PLATFORM, Environment.TEST)


@pytest.fixture
def market() -> Stores:
    stores = a_market(in_memory())
    stores.subscriptions.add(a_subscription())
    for number in (2, 3):
        user = stores.users.many([ASHA])[ASHA]
        stores.accounts.add(an_account(client_id=f"ZEBU{number}"), user, new_user=False)
    return stores


def ports(market: Stores) -> Ports:
    draw = counting()
    draw("", 1)
    return Ports(market.subscriptions, market.accounts, market.baskets, Clock(), draw, AlwaysOpen())


def change(market: Stores, **fields: Any) -> subscriptions.Shown:
    return subscriptions.change(ports(market), ZEBU, NAME, parse(SubscriptionChange, fields))


def complaints(market: Stores, **fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refusal:
        change(market, **fields)
    return refusal.value.details


def test_lots_and_account_are_changed_by_themselves_and_the_allocation_stays_the_same(market: Stores) -> None:
    (was,) = market.subscriptions.get(NAME).allocations
    change(market, lot_multiplier=3)
    (more,) = market.subscriptions.get(NAME).allocations
    change(market, broker_client_id="ZEBU2")
    (moved,) = market.subscriptions.get(NAME).allocations

    assert (more.lot_multiplier, more.client_id, more.allocation_id) == (Decimal(3), "ZEBU123", was.allocation_id)
    assert (moved.lot_multiplier, moved.client_id) == (Decimal(3), "ZEBU2")
    assert moved.allocation_id != was.allocation_id
    assert market.subscriptions.get(NAME).version == 3


def test_a_subscription_is_split_over_several_accounts(market: Stores) -> None:
    parts = [
        {"client_id": "ZEBU123", "lot_multiplier": 1},
        {"client_id": "ZEBU2", "lot_multiplier": 2.5, "priority": 2, "max_lots_per_order": 4},
    ]

    shown = change(market, allocations=parts)

    first, second = shown.subscription.allocations
    assert (first.client_id, second.client_id, second.lot_multiplier) == ("ZEBU123", "ZEBU2", Decimal("2.5"))
    assert (second.priority, second.max_lots_per_order) == (2, 4)
    assert {first.broker_id, second.broker_id} == {"zebu"}


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"broker_client_id": "NONE1"}, {"broker_client_id"}),
        ({"allocations": [{"client_id": "ZEBU2"}, {"client_id": "NONE1"}]}, {"allocations[1].client_id"}),
        ({"allocations": [{"client_id": "ZEBU2"}] * 2}, {"allocations"}),
        ({"allocations": []}, {"allocations"}),
        ({"allocations": [{"client_id": "ZEBU2"}], "lot_multiplier": 2}, {"allocations"}),
        ({"lot_multiplier": 0}, {"lot_multiplier"}),
        ({"lot_multiplier": 1000}, {"lot_multiplier"}),
        ({"allocations": [{"client_id": "ZEBU2", "lot_multiplier": 900}]}, {"allocations[0].lot_multiplier"}),
        ({"status": "PAUSED"}, {"status"}),
    ],
)
def test_what_cannot_be_traded_is_named(market: Stores, fields: dict[str, Any], paths: set[str]) -> None:
    assert set(complaints(market, **fields)) == paths


def test_a_split_is_changed_as_a_whole(market: Stores) -> None:
    change(market, allocations=[{"client_id": "ZEBU123"}, {"client_id": "ZEBU2"}])

    assert list(complaints(market, lot_multiplier=2)) == ["lot_multiplier"]
    assert list(complaints(market)) == ["allocations"]


def test_what_is_cancelled_or_anothers_is_not_changed(market: Stores) -> None:
    with pytest.raises(NotFound):
        subscriptions.change(ports(market), OTHERS, NAME, SubscriptionChange(lot_multiplier=Decimal(2)))
    subscriptions.cancel(market.subscriptions, Clock(), ZEBU, NAME)
    with pytest.raises(Conflict) as refusal:
        change(market, lot_multiplier=2)
    assert refusal.value.reason == "invalid_state"


def test_the_detail_of_a_subscription_survives_its_template(market: Stores) -> None:
    before = subscriptions.detail(ports(market), ZEBU, NAME)
    market.baskets.held.pop(TEMPLATE)  # type: ignore[attr-defined]  # the fake is known here

    after = subscriptions.detail(ports(market), ZEBU, NAME)

    assert before.basket is not None
    assert after.basket is None
    assert after.subscription == before.subscription


def a_person(subject: str = "ravi") -> Person:
    return Person(user_of_sign_in(subject), US, f"{subject}@example.com", "Ravi")


@pytest.fixture
def ravi(market: Stores) -> Person:
    person = a_person()
    user = market.users.many([ASHA])[ASHA].model_copy(
        update={"user_id": person.user_id, "tenant": US.key, "email": person.email}
    )
    account = an_account(user_id=person.user_id, tenant=US.key, client_id="R1")
    market.accounts.add(account, user, new_user=True)
    return person


def test_an_id_of_somebody_who_signed_in_is_one_of_ours_and_their_own(market: Stores, ravi: Person) -> None:
    begun = subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, OwnSubscription(broker_client_id="R1"))

    name = begun.subscription.subscription_id
    assert named_by(name) == (ravi.user_id, TEMPLATE)
    assert ravi.user_id == user_of_sign_in("ravi")
    assert subscriptions.require_own(ravi, name) == name
    assert ravi.user_id != user_of_sign_in("Ravi")
    for other in (name.replace("sub_", "usr_"), NAME):
        with pytest.raises(NotFound):
            subscriptions.require_own(ravi, other)


def test_the_whole_fee_of_those_who_come_by_themselves_is_the_platforms(market: Stores, ravi: Person) -> None:
    begun = subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, OwnSubscription(broker_client_id="R1"))

    attribution = begun.subscription.attribution
    assert (attribution.partner_id, attribution.partner_api_key_id) == ("quantleap", None)
    assert (attribution.monthly_commission, attribution.platform_fee) == (Decimal(0), Decimal(999))
    assert begun.subscription.tenant == US.key
    assert subscriptions.of_person(market.subscriptions, ravi, OwnFilter()) == [begun.subscription]
    assert subscriptions.of_person(market.subscriptions, ravi, OwnFilter(template_id="bsk_other")) == []
    assert subscriptions.of_person(market.subscriptions, ravi, OwnFilter(status=Status.PAUSED)) == []


def test_nobody_subscribes_with_anothers_account(market: Stores, ravi: Person) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, OwnSubscription(broker_client_id="ZEBU123"))

    assert refusal.value.reason == "broker_account_missing"


def test_the_only_account_somebody_has_need_not_be_named(market: Stores, ravi: Person) -> None:
    begun = subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, OwnSubscription())

    assert [each.client_id for each in begun.subscription.allocations] == ["R1"]


def test_one_of_several_accounts_has_to_be_named(market: Stores, ravi: Person) -> None:
    user = market.users.many([ravi.user_id])[ravi.user_id]
    market.accounts.add(an_account(user_id=ravi.user_id, tenant=US.key, client_id="R2"), user, new_user=False)

    with pytest.raises(InvalidRequest) as refusal:
        subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, OwnSubscription())

    assert (refusal.value.reason, list(refusal.value.details)) == ("invalid_request", ["broker_client_id"])


def test_nobody_subscribes_without_an_account(market: Stores) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        subscriptions.subscribe_oneself(ports(market), a_person("meera"), TEMPLATE, OwnSubscription())

    assert refusal.value.reason == "broker_account_missing"


def test_a_subscription_too_large_for_a_second_is_refused(market: Stores, ravi: Person) -> None:
    wanted = OwnSubscription(broker_client_id="R1", lot_multiplier=Decimal(900))

    with pytest.raises(InvalidRequest) as refusal:
        subscriptions.subscribe_oneself(ports(market), ravi, TEMPLATE, wanted)

    assert list(refusal.value.details) == ["lot_multiplier"]


def test_an_account_is_removed_when_nothing_trades_it(market: Stores) -> None:
    account = market.accounts.get(ASHA, "ZEBU123")

    with pytest.raises(Conflict) as refusal:
        market.accounts.remove(account)
    market.subscriptions.cancel(market.subscriptions.get(NAME).after(Action.CANCEL, NINE_TWENTY))
    market.accounts.remove(account)

    assert refusal.value.reason == "broker_account_in_use"
    with pytest.raises(NotFound):
        market.accounts.remove(account)


def test_a_subscription_whose_template_is_gone_cannot_be_changed(market: Stores) -> None:
    subscriptions.cancel(market.subscriptions, Clock(), ZEBU, NAME)
    basket = market.baskets.get(TEMPLATE)
    withdrawn = basket.withdrawn(NINE_TWENTY)
    market.baskets.save(withdrawn, was=basket)
    market.baskets.remove(withdrawn)

    with pytest.raises(NotFound):
        change(market, lot_multiplier=2)
    assert subscriptions.detail(ports(market), ZEBU, NAME).basket is None


def test_fields_that_are_null_say_nothing(market: Stores) -> None:
    (was,) = market.subscriptions.get(NAME).allocations

    change(market, allocations=None, broker_client_id=None, lot_multiplier=None)

    assert market.subscriptions.get(NAME).allocations == (was,)


def test_a_change_that_changes_nothing_is_not_written(market: Stores) -> None:
    was = market.subscriptions.get(NAME)

    shown = change(market, lot_multiplier=was.allocations[0].lot_multiplier, broker_client_id="ZEBU123")

    assert (shown.subscription, market.subscriptions.get(NAME)) == (was, was)


def test_an_account_at_a_broker_that_closes_first_is_not_taken_in_and_an_old_one_may_stay(market: Stores) -> None:
    strict = ports(market)._replace(calendar=early_closing())

    with pytest.raises(Conflict, match="broker_client_id") as refusal:
        subscriptions.change(strict, ZEBU, NAME, SubscriptionChange(broker_client_id="ZEBU2"))

    assert refusal.value.reason == "exit_after_square_off"
    changed = subscriptions.change(strict, ZEBU, NAME, SubscriptionChange(lot_multiplier=Decimal(2)))
    assert changed.subscription.allocations[0].lot_multiplier == 2
