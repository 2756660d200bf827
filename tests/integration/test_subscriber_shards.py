"""A large template's subscribers in many partitions of their index: whoever subscribed is found, whatever grew when."""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters import keys
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.domain.basket import MarketplaceConfig
from quantleap.domain.ids import user_id
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.sharding import shard_of
from quantleap.domain.subscription import Action, NewSubscription, Subscription
from quantleap.services import marketplace, subscriptions
from tests.builders import (
    ASHAS_MAIL,
    NINE_TWENTY,
    TEMPLATE,
    ZEBU,
    Clock,
    a_key,
    a_subscription,
    a_template,
    a_user,
    an_account,
    counting,
)
from tests.conftest import TABLE
from tests.fakes import Stores, a_market, in_memory
from tests.integration.conftest import in_table
from tests.integration.gateway import Gateway, as_admin
from tests.integration.test_api import BASKET, OFFER, refused


def grow(stores: Stores, shards: int) -> None:
    wanted = MarketplaceConfig(subscriber_shards=shards)
    marketplace.enable(stores.baskets, Clock(), TEMPLATE, wanted)


def people(stores: Stores, count: int) -> list[Subscription]:
    """Users with an account each, and for each a subscription that has no shard yet."""
    draw, found = counting(), []
    for number in range(count):
        user = a_user(user_id=user_id(draw), email=f"user{number}@example.com")
        stores.accounts.add(an_account(user_id=user.user_id, client_id=f"CLIENT{number}"), user, new_user=True)
        allocation = a_subscription().allocations[0].model_copy(update={"client_id": f"CLIENT{number}"})
        found.append(a_subscription(number, user_id=user.user_id, allocations=(allocation,)))
    return found


def seated(stores: Stores, wanted: Subscription) -> Subscription:
    """The subscription as it would begin now: the template is read, nothing is stored."""
    shards = stores.baskets.get(TEMPLATE).subscriber_shards
    return wanted.model_copy(update={"index_shard": shard_of(wanted.subscription_id, shards)})


def found(stores: Stores) -> list[str]:
    return sorted(seat.subscription_id for seat in stores.subscriptions.seats(TEMPLATE))


def names(wanted: Sequence[Subscription]) -> list[str]:
    return sorted(each.subscription_id for each in wanted)


@pytest.fixture
def market(stores: Stores) -> Stores:
    stores.baskets.add(a_template())
    return stores


def followed_by(market: Stores, count: int) -> list[Subscription]:
    """Half of them from before the template grew to eight shards."""
    everybody = people(market, count)
    for number, each in enumerate(everybody):
        if number == count // 2:
            grow(market, 8)
        market.subscriptions.add(seated(market, each))
    return everybody


def test_those_from_before_and_after_growing_are_found(market: Stores) -> None:
    everybody = followed_by(market, 20)

    assert found(market) == names(everybody)
    assert len({market.subscriptions.get(each.subscription_id).index_shard for each in everybody}) > 4


def test_a_subscription_begins_in_a_shard_of_its_template(stores: Stores) -> None:
    grow(a_market(stores), 64)
    wanted = NewSubscription(template_id=TEMPLATE, user_email=ASHAS_MAIL, broker_client_id="ZEBU123")

    begun = subscriptions.subscribe(
        stores.subscriptions, stores.accounts, AlwaysOpen(), Clock(), counting(), a_key(), wanted
    )

    name = begun.subscription.subscription_id
    assert stores.subscriptions.get(name).index_shard == shard_of(name, 64)
    assert found(stores) == [name]


@pytest.mark.parametrize("order", ["read commit grow", "read grow commit", "grow read commit"])
def test_one_who_subscribes_while_the_template_grows_is_found(market: Stores, order: str) -> None:
    everybody = people(market, 6)
    ready = everybody
    for step in order.split():
        if step == "read":
            ready = [seated(market, each) for each in everybody]
        elif step == "grow":
            grow(market, 8)
        else:
            for each in ready:
                market.subscriptions.add(each)

    assert found(market) == names(everybody)


@given(st.permutations([*range(12), *range(12), *(("grow", shards) for shards in (2, 3, 8, 64))]))
def test_whatever_is_stored_is_found_at_every_moment(steps: list[int | tuple[str, int]]) -> None:
    stores = in_memory()
    stores.baskets.add(a_template())
    everybody = people(stores, 12)
    ready: dict[int, Subscription] = {}
    stored: list[Subscription] = []
    for step in steps:
        if isinstance(step, tuple):
            grow(stores, max(step[1], stores.baskets.get(TEMPLATE).subscriber_shards))
        elif step not in ready:
            ready[step] = seated(stores, everybody[step])
        else:
            stores.subscriptions.add(ready[step])
            stored.append(ready[step])
        assert found(stores) == names(stored)


def test_withdrawing_ends_the_subscriptions_of_every_shard(market: Stores) -> None:
    followed_by(market, 20)

    done = marketplace.disable(market.baskets, market.subscriptions, Clock(), TEMPLATE)

    assert (done.ended, done.left, found(market)) == (20, 0, [])


def test_a_withdrawal_that_takes_several_calls_reaches_every_shard(
    market: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed_by(market, 20)
    monkeypatch.setattr(marketplace, "CLOSED_AT_ONCE", 7)
    calls = [marketplace.disable(market.baskets, market.subscriptions, Clock(), TEMPLATE) for _ in range(3)]

    assert [(done.ended, done.left) for done in calls] == [(7, 13), (7, 6), (6, 0)]


class TestInTheTable:
    @pytest.fixture
    def market(self, table: Table) -> Stores:
        stores = in_table(table)
        stores.baskets.add(a_template())
        return stores

    def test_pausing_resuming_and_splitting_leave_a_subscription_in_its_shard(self, market: Stores) -> None:
        grow(market, 64)
        (one,) = (seated(market, each) for each in people(market, 1))
        store, name = market.subscriptions, one.subscription_id
        store.add(one)
        partitions = [partition(name)]
        for action in (Action.PAUSE, Action.RESUME):
            store.move(name, ZEBU, action, NINE_TWENTY)
            partitions.append(partition(name))
        was = store.get(name)
        store.split(was.split(was.allocations, NINE_TWENTY), was=was)
        partitions.append(partition(name))

        assert partitions == [f"{TEMPLATE}#{shard_of(name, 64)}"] * 4

    def test_a_cancelled_subscription_leaves_its_shard(self, market: Stores) -> None:
        grow(market, 64)
        (one,) = (seated(market, each) for each in people(market, 1))
        market.subscriptions.add(one)

        market.subscriptions.cancel(one.after(Action.CANCEL, NINE_TWENTY))

        assert partition(one.subscription_id) is None

    def test_one_from_before_shards_were_counted_is_in_the_first(self, market: Stores) -> None:
        (one,) = people(market, 1)
        market.subscriptions.add(one)
        for key in (keys.basket(TEMPLATE), keys.subscription(one.subscription_id)):
            items().update_item(Key=key, UpdateExpression="REMOVE subscriber_shards, index_shard")

        assert found(market) == names([one])
        assert market.subscriptions.get(one.subscription_id).index_shard == 0

    @pytest.mark.parametrize("shards", [1, 8, 64])
    def test_the_subscribers_take_one_query_a_shard(self, market: Stores, table: Table, shards: int) -> None:
        grow(market, shards)
        made: Counter[str] = Counter()
        table._client.meta.events.register("before-call.dynamodb", lambda model, **_: made.update([model.name]))

        market.subscriptions.seats(TEMPLATE)

        assert made == {"GetItem": 1, "Query": shards}

    def test_shards_are_read_side_by_side(self, market: Stores, table: Table) -> None:
        grow(market, 8)
        together = threading.Barrier(8)

        def wait_for_the_others(**_: object) -> None:
            together.wait(timeout=30)

        table._client.meta.events.register("before-call.dynamodb.Query", wait_for_the_others)

        assert market.subscriptions.seats(TEMPLATE) == []

    def test_a_template_that_is_gone_has_no_subscribers(self, table: Table) -> None:
        assert TableSubscriptions(table).seats("bsk_gone") == []


def items() -> Any:
    return boto3.resource("dynamodb").Table(TABLE)


def partition(subscription_id: str) -> object:
    (item,) = (each for each in items().scan()["Items"] if each["sort_key"] == f"SUBSCRIPTION#{subscription_id}")
    return item.get("template_basket_id")


def test_an_administrator_sets_the_shards_with_the_offer_and_nobody_else_sees_them(deployed: object) -> None:
    admin = as_admin()
    template = f"/admin/marketplace/templates/{admin('POST /options/baskets', BASKET).body['basket_id']}"

    offered = admin(f"POST {template}", {**OFFER, "subscriber_shards": 8})
    changed = admin(f"PUT {template}", {"subscriber_shards": 16})
    shrunken = admin(f"PUT {template}", {"subscriber_shards": 4})

    shown = [each.body["template"]["marketplace_config"]["subscriber_shards"] for each in (offered, changed)]
    assert shown == [8, 16]
    refused(shrunken, 400, "invalid_request")
    assert shrunken.body["details"] == {"subscriber_shards": "May only grow; the template has 16"}
    (public,) = Gateway()("GET /marketplace/templates").body["templates"]
    assert "subscriber_shards" not in public["marketplace_config"]
