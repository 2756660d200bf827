"""One damaged row among many costs itself: whatever reads many of them tells of it and goes on."""

import pytest

from quantleap.adapters import keys
from quantleap.adapters.table import Table
from quantleap.domain.basket import MarketplaceConfig
from quantleap.domain.subscription import SubscriptionFilter
from tests.builders import ASHA, NINE_TWENTY, TEMPLATE, ZEBU, a_basket, a_key, a_user, an_account
from tests.fakes import Stores, a_market
from tests.integration.test_stores import people

pytestmark = pytest.mark.parametrize("stores", ["table"], indirect=True)


def damage(table: Table, key: keys.Key | None, *kept: str) -> None:
    """Leave of a row its key and the named attributes."""
    assert key is not None
    item = table.get(key)
    assert item is not None
    table.put({name: item[name] for name in ("user_id", "sort_key", "entity_type", "version", *kept)})


def test_a_subscription_that_is_damaged_keeps_no_other_from_being_traded_and_listed(
    stores: Stores, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    a_market(stores)
    good, bad = people(stores, 2)
    for each in (good, bad):
        stores.subscriptions.add(each)
    key = keys.subscription(bad.subscription_id)
    damage(table, key, "template_basket_id", "subscription_status_date", "tenant", "subscription_id", "template_id")

    names = [(each.user_id, each.subscription_id) for each in (good, bad)]
    assert [seat.subscription_id for seat in stores.subscriptions.seats(TEMPLATE)] == [good.subscription_id]
    assert stores.subscriptions.statuses(names) == {good.subscription_id: "ACTIVE"}
    assert stores.subscriptions.of_partner(ZEBU, SubscriptionFilter()).items == [good]
    assert stores.subscriptions.of_user(bad.user_id, None) == []
    assert bad.subscription_id in caplog.text


def test_a_damaged_row_of_a_template_or_its_schedule_keeps_no_other_from_being_due(
    stores: Stores, table: Table
) -> None:
    for number in range(3):
        basket = a_basket(basket_id=f"bsk_{number}")
        stores.baskets.add(basket)
        stores.baskets.save(basket.offered(MarketplaceConfig(), NINE_TWENTY), was=basket)
    damage(table, keys.schedule("bsk_1", "MON#09:20"), "schedule_slot")
    damage(table, keys.basket("bsk_2"), "marketplace_category", "subscriber_count")

    assert {line.template_id for line in stores.baskets.due("MON#09:20")} == {"bsk_0", "bsk_2"}
    assert {basket.basket_id for basket in stores.baskets.list()} == {"bsk_0", "bsk_1"}
    assert {basket.basket_id for basket in stores.baskets.listed()} == {"bsk_0", "bsk_1"}


def test_a_damaged_key_user_or_account_keeps_no_other_from_being_read(stores: Stores, table: Table) -> None:
    stores.keys.add(a_key())
    stores.keys.add(a_key(api_key_id="pk_other"))
    stores.accounts.add(an_account(), a_user(), new_user=True)
    (other,) = people(stores, 1)
    damage(table, keys.partner_key("pk_other"))
    damage(table, keys.user(other.user_id))
    table.put({**keys.broker_account(ASHA, "DAMAGED"), "entity_type": "BROKER_ACCOUNT", "version": 1})

    assert stores.keys.list() == [a_key()]
    assert set(stores.users.many([ASHA, other.user_id])) == {ASHA}
    assert stores.accounts.of_user(ASHA) == [an_account()]
