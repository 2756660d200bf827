"""Baskets, versions and templates in both stores and as HTTP."""

from typing import Any

import pytest

from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.domain.basket import MarketplaceConfig, UpdatePolicy
from quantleap.domain.basket_changes import BasketChange, NewApproval
from quantleap.domain.errors import Conflict
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.subscription import Status
from quantleap.services import baskets, marketplace
from tests.builders import TEMPLATE, Clock, a_basket, a_strategy, a_subscription, a_template, a_user, an_account
from tests.fakes import Stores, a_market
from tests.integration.conftest import in_table
from tests.integration.gateway import Gateway, as_admin
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner, refused

TEN = [a_strategy(entry_time="10:00").model_dump(mode="json")]


def test_versions_are_kept_and_the_schedule_follows_the_live_one(stores: Stores) -> None:
    stores.baskets.add(a_template())

    baskets.change(
        stores.baskets, SHIPPED, Clock(), "admin", TEMPLATE, BasketChange.model_validate({"strategies": TEN})
    )

    assert stores.baskets.get(TEMPLATE).live_version == 2
    assert [version.number for version in stores.baskets.versions(TEMPLATE)] == [2, 1]
    assert stores.baskets.version(TEMPLATE, 1) == a_template().first
    assert list(stores.baskets.due("MON#09:20")) == []
    assert [line.template_id for line in stores.baskets.due("MON#10:00")] == [TEMPLATE]


def test_an_approval_is_noted_on_the_version_and_only_once(stores: Stores) -> None:
    registered = a_template(policy=UpdatePolicy.REGISTERED)
    stores.baskets.add(registered)
    baskets.change(
        stores.baskets, SHIPPED, Clock(), "admin", TEMPLATE, BasketChange.model_validate({"strategies": TEN})
    )
    was, version = stores.baskets.get(TEMPLATE), stores.baskets.version(TEMPLATE, 2)

    baskets.approve(stores.baskets, Clock(), "admin", TEMPLATE, 2, NewApproval(algo_ids={"zebu": "A1"}))

    approved = stores.baskets.version(TEMPLATE, 2)
    assert approved.approval is not None
    assert approved.model_copy(update={"approval": None}) == version
    assert stores.baskets.get(TEMPLATE).algo_ids == {"zebu": "A1"}
    with pytest.raises(Conflict):
        stores.baskets.approve(stores.baskets.get(TEMPLATE), was=was, approved=approved)


def test_a_basket_is_deleted_unless_it_changed_meanwhile(stores: Stores) -> None:
    basket = a_basket()
    stores.baskets.add(basket)
    stores.baskets.save(basket.offered(MarketplaceConfig(), basket.created_at), was=basket)

    with pytest.raises(Conflict):
        stores.baskets.remove(basket)
    withdrawn = stores.baskets.get(TEMPLATE).withdrawn(basket.created_at)
    stores.baskets.save(withdrawn, was=stores.baskets.get(TEMPLATE))
    stores.baskets.remove(withdrawn)
    assert stores.baskets.list() == []
    assert len(stores.baskets.versions(TEMPLATE)) == 1


def followed_by(stores: Stores, people: int) -> None:
    for number in range(people):
        user = f"usr_{number:020}"
        person = a_user(user_id=user, email=f"u{number}@example.com")
        stores.accounts.add(an_account(user_id=user, client_id=f"C{number}"), person, new_user=True)
        allocation = a_subscription().allocations[0].model_copy(update={"client_id": f"C{number}"})
        stores.subscriptions.add(a_subscription(number, user_id=user, allocations=(allocation,)))


def test_withdrawing_ends_every_subscription_and_counts_them_down(stores: Stores) -> None:
    stores.baskets.add(a_template())
    followed_by(stores, 70)

    done = marketplace.disable(stores.baskets, stores.subscriptions, Clock(), TEMPLATE)

    assert (done.ended, done.left) == (70, 0)
    assert list(stores.subscriptions.seats(TEMPLATE)) == []
    ended = stores.subscriptions.of_user(f"usr_{7:020}", None)
    assert [(each.status, each.version) for each in ended] == [(Status.CANCELLED, 2)]


def test_what_is_left_is_ended_by_the_next_call(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketplace, "CLOSED_AT_ONCE", 2)
    stores.baskets.add(a_template())
    followed_by(stores, 3)

    first = marketplace.disable(stores.baskets, stores.subscriptions, Clock(), TEMPLATE)
    second = marketplace.disable(stores.baskets, stores.subscriptions, Clock(), TEMPLATE)

    assert ((first.ended, first.left), (second.ended, second.left)) == ((2, 1), (1, 0))


def test_one_that_moves_while_all_are_ended_is_left_to_its_own(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = in_table(table)
    stores.baskets.add(a_template())
    followed_by(stores, 3)
    store = stores.subscriptions
    assert isinstance(store, TableSubscriptions)
    ending = store._ending

    def too_late(template_id: str, item: Any, at: Any) -> Any:
        stale = {**item, "allocations": []} if item["subscription_id"].endswith("1") else item
        return ending(template_id, stale, at)

    monkeypatch.setattr(store, "_ending", too_late)

    done = marketplace.disable(stores.baskets, store, Clock(), TEMPLATE)

    assert (done.ended, done.left, len(store.seats(TEMPLATE))) == (2, 1, 1)


def test_a_market_without_followers_is_withdrawn_at_once(stores: Stores) -> None:
    a_market(stores)

    assert marketplace.disable(stores.baskets, stores.subscriptions, Clock(), TEMPLATE).ended == 0


@pytest.fixture
def admin(deployed: object) -> Gateway:
    return as_admin()


@pytest.fixture
def basket(admin: Gateway) -> str:
    return f"/options/baskets/{admin('POST /options/baskets', BASKET).body['basket_id']}"


def test_a_change_is_merged_as_the_documents_show(admin: Gateway, basket: str) -> None:
    changed = admin(f"PUT {basket}", {"stop_loss": 15})

    assert (changed.status, changed.body["stop_loss"], changed.body["name"]) == (200, 15, BASKET["name"])
    assert changed.body["live_version"] == changed.body["written_version"]["number"] == 2
    versions = admin(f"GET {basket}/versions").body
    assert [(each["number"], each["status"]) for each in versions["versions"]] == [(2, "live"), (1, "superseded")]
    early = {**a_strategy().model_dump(mode="json"), "exit_time": "09:00"}
    wrong = admin(f"PUT {basket}", {"strategies": [early], "colour": 1})
    refused(wrong, 400, "invalid_request")
    assert set(wrong.body["details"]) == {"strategies[0].exit_time", "colour"}


def test_an_administrator_reads_at_once_how_many_followers_a_change_is_too_large_for(
    admin: Gateway, basket: str
) -> None:
    template = basket.rpartition("/")[2]
    admin(f"POST /admin/marketplace/templates/{template}", OFFER)
    partner = new_partner(admin)
    partner("POST /partner/broker-accounts", ACCOUNT)
    wanted = {**USER, "template_id": template, "broker_client_id": "ZEBU123", "lot_multiplier": 5}
    assert partner("POST /partner/marketplace/subscribe", wanted).status == 201

    changes = [admin(f"PUT {basket}", {"max_lots": most}).body["too_large_for"] for most in (10, 9, 9)]

    assert changes == [0, 1, 0], "the last one changes nothing"


def test_a_registered_version_is_approved_through_the_api(admin: Gateway) -> None:
    made = admin("POST /options/baskets", {**BASKET, "policy": "registered"}).body
    path = f"/options/baskets/{made['basket_id']}"

    refused(admin(f"POST /admin/marketplace/templates/{made['basket_id']}", OFFER), 409, "version_not_approved")
    refused(admin(f"POST {path}/versions/0/approve", {"algo_ids": {"zebu": "A1"}}), 404, "not_found")
    refused(admin(f"POST {path}/versions/1/approve", {"algo_ids": {}}), 400, "invalid_request")
    approved = admin(f"POST {path}/versions/1/approve", {"algo_ids": {"ZEBU": "A1"}})
    change = admin(f"PUT {path}", {"target": 50}).body

    assert (approved.status, approved.body["version"]["status"]) == (200, "live")
    assert approved.body["basket"]["algo_ids"] == {"zebu": "A1"}
    assert (change["live_version"], change["written_version"]["status"]) == (1, "pending")


def test_an_offer_is_changed_field_by_field(admin: Gateway, basket: str) -> None:
    template = basket.replace("/options/baskets", "/admin/marketplace/templates")
    refused(admin(f"PUT {template}", {"tags": ["NEW"]}), 404, "not_found")
    admin(f"POST {template}", OFFER)

    private = admin(f"PUT {template}", {"visibility": "PRIVATE", "partners": ["zebu"]}).body["template"]
    contradiction = admin(f"PUT {template}", {"partners": []})

    assert private["marketplace_config"]["visibility"] == "PRIVATE"
    assert private["marketplace_config"]["pricing"]["monthly_fee"] == 999
    refused(contradiction, 400, "invalid_request")
    assert list(contradiction.body["details"]) == ["partners"]
    assert Gateway()("GET /marketplace/templates").body["templates"] == []


def test_a_price_is_changed_field_by_field_too(admin: Gateway, basket: str) -> None:
    path = f"/admin/marketplace/templates/{basket.rpartition('/')[2]}"
    admin(f"POST {path}", {"pricing": {"type": "PAID", "monthly_fee": 999}})

    changed = admin(f"PUT {path}", {"pricing": {"monthly_fee": 499.5}})
    free = admin(f"PUT {path}", {"pricing": {"type": "FREE"}})

    pricing = {"type": "PAID", "monthly_fee": 499.5, "currency": "INR"}
    assert changed.body["template"]["marketplace_config"]["pricing"] == pricing
    assert free.body["details"].keys() == {"pricing.monthly_fee"}


def test_a_basket_is_offered_to_everybody_for_nothing_unless_somebody_says_otherwise(
    admin: Gateway, basket: str
) -> None:
    offered = admin(f"POST /admin/marketplace/templates/{basket.rpartition('/')[2]}")

    config = offered.body["template"]["marketplace_config"]
    assert (offered.status, config["visibility"], config["pricing"]["type"]) == (200, "PUBLIC", "FREE")


def test_withdrawing_a_template_ends_its_subscriptions_and_frees_the_basket(admin: Gateway, basket: str) -> None:
    name = basket.rpartition("/")[2]
    admin(f"POST /admin/marketplace/templates/{name}", OFFER)
    partner = new_partner(admin)
    partner("POST /partner/broker-accounts", ACCOUNT)
    wanted = {**USER, "template_id": name, "broker_client_id": "ZEBU123"}
    made = partner("POST /partner/marketplace/subscribe", wanted).body
    refused(admin(f"DELETE {basket}"), 409, "template_offered")

    gone = admin(f"DELETE /admin/marketplace/templates/{name}").body

    assert (gone["subscriptions_ended"], gone["subscriptions_left"]) == (1, 0)
    assert (
        partner(f"GET /partner/subscriptions/{made['subscription_id']}").body["subscription"]["status"] == "CANCELLED"
    )
    assert admin(f"DELETE {basket}").status == 200
    refused(admin(f"GET {basket}"), 404, "not_found")
