"""What lies in the table: how many calls, which items, and nothing that should not be there."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from quantleap.adapters import keys
from quantleap.adapters.broker_accounts import TableBrokerAccounts
from quantleap.adapters.logins import TableLogins
from quantleap.adapters.runs import TableRuns
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.adapters.tenant_runs import TableTenantRuns
from quantleap.domain.account import OAuthState
from quantleap.domain.errors import AlreadySubscribed, InvalidRequest
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import Action, NewSubscription, SubscriptionFilter
from quantleap.services import subscriptions
from tests.builders import (
    ASHA,
    ASHAS_MAIL,
    NINE_TWENTY,
    RUN,
    TEMPLATE,
    ZEBU,
    Clock,
    a_key,
    a_plan,
    a_subscription,
    a_template,
    counting,
)
from tests.conftest import TABLE
from tests.fakes import Stores, a_market
from tests.integration.conftest import in_table

WANTED = NewSubscription(template_id=TEMPLATE, user_email=ASHAS_MAIL, broker_client_id="ZEBU123")


@pytest.fixture
def market(table: Table) -> Stores:
    return a_market(in_table(table))


@pytest.fixture
def calls(table: Table) -> Counter[str]:
    """Every call to AWS by name, from now on."""
    made: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        made[model.name] += 1

    table._client.meta.events.register("before-call.dynamodb", count)
    return made


def items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = boto3.resource("dynamodb").Table(TABLE).scan()["Items"]
    return found


def subscribe(market: Stores) -> str:
    begun = subscriptions.subscribe(
        market.subscriptions, market.accounts, AlwaysOpen(), Clock(), counting(), a_key(), WANTED
    )
    return begun.subscription.subscription_id


def test_subscribing_takes_three_calls(market: Stores, calls: Counter[str]) -> None:
    subscribe(market)

    assert calls == {"BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1}


@pytest.mark.parametrize(
    ("act", "call"),
    [
        (lambda market, name: subscriptions.one(market.subscriptions, ZEBU, name), "GetItem"),
        (lambda market, name: subscriptions.pause(market.subscriptions, Clock(), ZEBU, name), "UpdateItem"),
        (lambda market, name: market.baskets.listed(), "Query"),
        (lambda market, name: market.baskets.due("MON#09:20"), "Query"),
        (
            lambda market, name: subscriptions.listing(market.subscriptions, market.users, ZEBU, SubscriptionFilter()),
            "Query",
        ),
    ],
)
def test_reading_listing_and_changing_take_one_call(
    market: Stores, calls: Counter[str], act: Callable[[Stores, str], object], call: str
) -> None:
    name = subscribe(market)
    calls.clear()

    act(market, name)

    assert calls == {call: 1}


def test_every_item_tells_its_kind_and_version(market: Stores, table: Table) -> None:
    subscribe(market)
    state = OAuthState(state="s", tenant=ZEBU.key, user_id=ASHA, client_id="ZEBU123", created_at=NINE_TWENTY)
    TableLogins(table).start(state)

    assert Counter(item["entity_type"] for item in items()) == {
        "BASKET": 1,
        "BASKET_VERSION": 1,
        "STRATEGY_SCHEDULE": 5,
        "USER": 1,
        "USER_EMAIL": 1,
        "BROKER_ACCOUNT": 1,
        "BROKER_CLIENT": 1,
        "OAUTH_STATE": 1,
        "MARKETPLACE_SUBSCRIPTION": 1,
        "TEMPLATE_CLAIM": 1,
        "BROKER_ALLOCATION": 1,
    }
    assert all(item["version"] >= 1 for item in items())


def test_cancelling_leaves_the_record_and_nothing_that_could_execute(market: Stores) -> None:
    name = subscribe(market)

    subscriptions.cancel(market.subscriptions, Clock(), ZEBU, name)

    kinds = {item["entity_type"] for item in items()}
    assert "MARKETPLACE_SUBSCRIPTION" in kinds
    assert not kinds & {"TEMPLATE_CLAIM", "BROKER_ALLOCATION"}
    (record,) = (item for item in items() if item["entity_type"] == "MARKETPLACE_SUBSCRIPTION")
    assert "template_basket_id" not in record


def test_the_sort_key_of_the_indexes_follows_every_move(market: Stores) -> None:
    name = subscribe(market)
    clock = Clock()
    clock.passes(minutes=5)

    subscriptions.pause(market.subscriptions, clock, ZEBU, name)

    (record,) = (item for item in items() if item["entity_type"] == "MARKETPLACE_SUBSCRIPTION")
    assert record["subscription_status_date"] == keys.status_date("PAUSED", clock.now.isoformat())


def test_a_baskets_allocations_are_found_in_their_index(market: Stores, table: Table) -> None:
    subscribe(market)

    found = table.query_all(
        "basket_id = :basket AND user_id = :user",
        index=keys.ALLOCATIONS_BY_BASKET,
        basket=TEMPLATE,
        user=ASHA,
    )

    assert [item["client_id"] for item in found] == ["ZEBU123"]


def test_a_state_lies_in_the_table_as_a_hash_and_dies_by_itself(table: Table) -> None:
    state = OAuthState(
        state="a secret state", tenant=ZEBU.key, user_id=ASHA, client_id="ZEBU123", created_at=NINE_TWENTY
    )

    TableLogins(table).start(state)

    (item,) = items()
    assert "a secret state" not in str(item)
    assert item["expires_at"] == int(NINE_TWENTY.timestamp()) + 3600


@pytest.mark.parametrize("token", ["x", "~", "PAUSED#2026~" + a_subscription().subscription_id, "a" * 300])
def test_a_made_up_token_reads_nothing(market: Stores, token: str) -> None:
    subscribe(market)

    with pytest.raises(InvalidRequest):
        market.subscriptions.of_partner(
            ZEBU, SubscriptionFilter.model_validate({"next_token": token, "status": "ACTIVE"})
        )


def test_fifty_who_subscribe_the_same_user_at_once_make_one_subscription(
    market: Stores, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All have read before the first writes; moto's transactions are taken one by one, as DynamoDB does."""
    one_at_a_time, everybody_has_read = threading.Lock(), threading.Barrier(50)
    transact = table._transact_once

    def in_turn(actions: Any) -> None:
        everybody_has_read.wait()
        with one_at_a_time:
            transact(actions)

    monkeypatch.setattr(table, "_transact_once", in_turn)
    draw = counting()

    def ask(_: int) -> str:
        try:
            begun = subscriptions.subscribe(
                market.subscriptions, market.accounts, AlwaysOpen(), Clock(), draw, a_key(), WANTED
            )
        except AlreadySubscribed as refusal:
            return f"409 {refusal.subscription_id}"
        return f"201 {begun.subscription.subscription_id}"

    with ThreadPoolExecutor(50) as pool:
        answers = Counter(pool.map(ask, range(50)))

    (winner,) = (answer for answer in answers if answer.startswith("201"))
    assert answers == {winner: 1, winner.replace("201", "409"): 49}
    assert market.baskets.get(TEMPLATE).subscriber_count == 1


def test_the_count_of_subscribers_survives_moves_in_any_order(market: Stores) -> None:
    market.baskets.add(a_template(basket_id="bsk_second0000000000"))
    market.subscriptions.add(a_subscription(1))
    market.subscriptions.add(a_subscription(2, template_id="bsk_second0000000000"))
    paused = market.subscriptions.move(a_subscription(1).subscription_id, ZEBU, Action.PAUSE, NINE_TWENTY)
    market.subscriptions.cancel(paused.after(Action.CANCEL, NINE_TWENTY))
    market.subscriptions.add(a_subscription(3))

    counts = [market.baskets.get(name).subscriber_count for name in (TEMPLATE, "bsk_second0000000000")]

    assert counts == [len(market.subscriptions.seats(name)) for name in (TEMPLATE, "bsk_second0000000000")] == [1, 1]


def test_a_pause_whose_answer_was_lost_is_not_refused_when_it_is_sent_again(market: Stores) -> None:
    """The SDK repeats a request that got no answer, though the first may have been carried out."""
    name = subscribe(market)

    first = market.subscriptions.move(name, ZEBU, Action.PAUSE, NINE_TWENTY)
    again = market.subscriptions.move(name, ZEBU, Action.PAUSE, NINE_TWENTY)

    assert first == again


def test_accounts_and_subscriptions_share_the_user_without_meeting(market: Stores, table: Table) -> None:
    subscribe(market)

    assert [account.client_id for account in TableBrokerAccounts(table).of_user(ASHA)] == ["ZEBU123"]
    assert len(TableSubscriptions(table).of_user(ASHA, None)) == 1


def test_an_announced_run_gives_way_to_its_plan_whoever_comes_first(table: Table) -> None:
    mine, runs, plan = TableTenantRuns(table), TableRuns(table), a_plan()

    mine.announce(ZEBU, plan.due)
    announced = mine.get(ZEBU, RUN)
    runs.adopt_plan(plan)
    mine.announce(ZEBU, plan.due)

    assert announced.tenants == {ZEBU.key: ()}
    assert mine.get(ZEBU, RUN) == plan
    assert runs.of_tenant(ZEBU, 10, None).items == [plan]
