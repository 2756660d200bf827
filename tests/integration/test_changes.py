"""Subscriptions changed and accounts removed, in both stores and as HTTP, for partners and for those who sign in."""

import json
from typing import Any

import pytest

from quantleap.adapters.broker_accounts import TableBrokerAccounts
from quantleap.adapters.table import Table
from quantleap.domain.account import AccountStatus
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import Action, Share, SubscriptionChange
from quantleap.runtime import wiring
from quantleap.services import subscriptions
from quantleap.services.subscriptions import Ports
from tests.builders import ASHA, NINE_TWENTY, ZEBU, Clock, a_subscription, a_user, an_account, counting
from tests.fakes import FakeHttp, Stores, a_market
from tests.integration.conftest import in_table
from tests.integration.gateway import Gateway, as_admin, as_user
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner, refused

NAME = a_subscription().subscription_id
SPLIT = SubscriptionChange(allocations=(Share(client_id="ZEBU2"), Share(client_id="ZEBU123")))


@pytest.fixture
def market(stores: Stores) -> Stores:
    a_market(stores).subscriptions.add(a_subscription())
    stores.accounts.add(an_account(client_id="ZEBU2"), a_user(), new_user=False)
    return stores


def change(market: Stores, wanted: SubscriptionChange = SPLIT) -> None:
    draw = counting()
    draw("", 1)
    ports = Ports(market.subscriptions, market.accounts, market.baskets, Clock(), draw, AlwaysOpen())
    subscriptions.change(ports, ZEBU, NAME, wanted)


def test_a_split_is_what_the_next_run_finds(market: Stores) -> None:
    change(market)

    (seat,) = market.subscriptions.seats(a_subscription().template_id)
    assert [each.client_id for each in seat.allocations] == ["ZEBU2", "ZEBU123"]
    assert market.subscriptions.get(NAME).allocations == seat.allocations


def test_of_two_changes_at_once_one_is_too_late(market: Stores) -> None:
    was = market.subscriptions.get(NAME)
    change(market)

    with pytest.raises(Conflict):
        market.subscriptions.split(was.split(was.allocations, NINE_TWENTY), was=was)


def test_a_disabled_account_takes_no_part(market: Stores) -> None:
    account = market.accounts.get(ASHA, "ZEBU2")
    disabled = {"account_status": AccountStatus.DISABLED, "version": account.version + 1}
    market.accounts.save(account.model_copy(update=disabled))

    with pytest.raises(Conflict) as refusal:
        change(market)

    assert refusal.value.reason == "broker_account_disabled"
    assert len(market.subscriptions.get(NAME).allocations) == 1


def test_an_account_is_removed_only_when_no_subscription_trades_it(market: Stores) -> None:
    account, spare = market.accounts.get(ASHA, "ZEBU123"), market.accounts.get(ASHA, "ZEBU2")
    change(market)
    for each in (account, spare):
        with pytest.raises(Conflict) as refusal:
            market.accounts.remove(each)
        assert refusal.value.reason == "broker_account_in_use"

    market.subscriptions.cancel(market.subscriptions.get(NAME).after(Action.CANCEL, NINE_TWENTY))
    market.accounts.remove(account)

    with pytest.raises(NotFound):
        market.accounts.get(ASHA, "ZEBU123")
    with pytest.raises(NotFound):
        market.accounts.owner(ZEBU, "ZEBU123")
    with pytest.raises(NotFound):
        market.accounts.remove(account)
    market.accounts.remove(spare)
    assert list(market.accounts.of_user(ASHA)) == []


def test_one_who_subscribes_while_the_account_is_removed_keeps_it(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription comes after the look at the allocations and before the deletion."""
    market = a_market(in_table(table))
    look = table.query_all

    def slow(*args: Any, **more: Any) -> Any:
        found = look(*args, **more)
        monkeypatch.undo()
        market.subscriptions.add(a_subscription())
        return found

    monkeypatch.setattr(table, "query_all", slow)

    with pytest.raises(Conflict):
        TableBrokerAccounts(table).remove(market.accounts.get(ASHA, "ZEBU123"))
    assert market.accounts.get(ASHA, "ZEBU123").client_id == "ZEBU123"


def test_an_account_that_changed_since_it_was_read_is_not_deleted(table: Table) -> None:
    accounts = TableBrokerAccounts(table)
    a_market(in_table(table))
    read = accounts.get(ASHA, "ZEBU123")
    accounts.save(read.logged_out())

    with pytest.raises(Conflict):
        accounts.remove(read)
    accounts.remove(accounts.get(ASHA, "ZEBU123"))


def test_saving_an_account_does_not_forget_that_it_was_taken_up(table: Table) -> None:
    market = a_market(in_table(table))
    market.subscriptions.add(a_subscription())
    account = market.accounts.get(ASHA, "ZEBU123")
    market.accounts.save(account.with_new_credentials())

    item = table.get({"user_id": ASHA, "sort_key": "BROKER_ACCOUNT#ZEBU123"})

    assert item is not None
    assert (item["taken_up"], item["version"]) == (1, 2)


@pytest.fixture
def admin(deployed: object) -> Gateway:
    return as_admin()


@pytest.fixture
def template(admin: Gateway) -> str:
    basket_id: str = admin("POST /options/baskets", {**BASKET, "stop_loss": 20}).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{basket_id}", OFFER)
    return basket_id


@pytest.fixture
def partner(admin: Gateway) -> Gateway:
    return new_partner(admin)


@pytest.fixture
def path(partner: Gateway, template: str) -> str:
    partner("POST /partner/broker-accounts", ACCOUNT)
    partner("POST /partner/broker-accounts", {**ACCOUNT, "client_id": "ZEBU2"})
    wanted = {**USER, "template_id": template, "broker_client_id": "ZEBU123"}
    made = partner("POST /partner/marketplace/subscribe", wanted).body
    return f"/partner/subscriptions/{made['subscription_id']}"


def test_a_change_answers_with_what_the_next_run_will_do(partner: Gateway, path: str) -> None:
    parts = [{"client_id": "ZEBU123", "lot_multiplier": 2}, {"client_id": "ZEBU2", "lot_multiplier": 0.5}]

    changed = partner(f"PATCH {path}", {"allocations": parts})

    effective = changed.body["subscription"]["effective_configuration"]
    assert (changed.status, changed.body["message"]) == (200, "Subscription changed")
    assert (effective["from_template"]["stop_loss"], effective["from_template"]["version"]) == (20, 1)
    assert [[leg["lots"] for leg in each["lots"]] for each in effective["from_user"]] == [[2, 2, 2, 4], [1, 1, 1, 1]]
    assert partner(f"GET {path}").body["subscription"]["effective_configuration"] == effective
    assert "strike" not in json.dumps(effective)
    refused(partner(f"PATCH {path}", {"lot_multiplier": 1}), 400, "invalid_request")
    refused(partner(f"PATCH {path}", {"broker_client_id": "NONE1"}), 400, "invalid_request")


def test_an_account_in_use_is_kept_and_a_free_one_removed(partner: Gateway, path: str) -> None:
    refused(partner("DELETE /partner/broker-accounts/ZEBU123"), 409, "broker_account_in_use")

    gone = partner("DELETE /partner/broker-accounts/ZEBU2")

    assert (gone.status, gone.body["client_id"]) == (200, "ZEBU2")
    refused(partner("GET /partner/broker-accounts/ZEBU2"), 404, "not_found")
    refused(partner("POST /partner/broker-accounts/ZEBU2/oauth/initiate", USER), 404, "not_found")
    with pytest.raises(NotFound):
        wiring.vault().credentials("usr_" + path.partition("sub_")[2][:20], "ZEBU2")
    assert partner("POST /partner/broker-accounts", {**ACCOUNT, "client_id": "ZEBU2"}).status == 201


OWN = {name: value for name, value in ACCOUNT.items() if name != "user_email"}


@pytest.fixture
def asha(deployed: object) -> Gateway:
    caller = as_user("asha")
    caller("POST /user/broker-accounts", OWN)
    return caller


def test_somebody_who_signed_in_follows_a_template_by_themselves(asha: Gateway, template: str) -> None:
    made = asha(f"POST /marketplace/subscribe/{template}", {"broker_client_id": "ZEBU123", "lot_multiplier": 2})

    name = made.body["subscription_id"]
    path = f"/user/subscriptions/{name}"
    assert (made.status, made.body["subscription"]["user_email"]) == (201, "asha@example.com")
    assert made.body["revenue_share"] == {"partner_commission": 0, "platform_fee": 999, "currency": "INR"}
    assert asha("GET /user/subscriptions?status=ACTIVE").body["count"] == 1
    assert asha(f"PATCH {path}", {"lot_multiplier": 3}).status == 200
    steps = [f"PUT {path}/pause", f"PUT {path}/resume", f"DELETE {path}", f"GET {path}"]
    states = [asha(line).body["subscription"]["status"] for line in steps]
    assert states == ["PAUSED", "ACTIVE", "CANCELLED", "CANCELLED"]


def test_somebody_links_logs_in_to_and_removes_their_own_account(
    asha: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "/user/broker-accounts/ZEBU123"
    assert asha("POST /user/broker-accounts", OWN).status == 200
    begun = asha(f"POST {account}/oauth/initiate", {})

    assert (begun.status, begun.body["expires_in"]) == (200, 300)
    refused(asha(f"POST {account}/oauth/callback", {"state": "made up", "code": "c"}), 400, "oauth_state_invalid")
    assert asha("GET /user/broker-accounts").body["count"] == 1
    assert asha(f"GET {account}").body["broker_account"]["environment"] == "test"
    assert asha(f"DELETE {account}").status == 200
    assert asha("GET /user/broker-accounts").body["count"] == 0


def test_somebodys_own_login_returns_to_our_page_or_in_the_sandbox_to_their_machine(asha: Gateway) -> None:
    begin = "POST /user/broker-accounts/ZEBU123/oauth/initiate"

    for good in ("https://app-dev.quantleap.in/auth/broker/callback", "http://localhost:3000/back"):
        assert asha(begin, {"redirect_url": good}).status == 200
    for bad in ("https://app-dev.quantleap.in/auth/broker/callback/", "https://portal.example/back"):
        refused(asha(begin, {"redirect_url": bad}), 400, "redirect_url_not_registered")


def test_nobody_reaches_what_another_owns(asha: Gateway, partner: Gateway, path: str, template: str) -> None:
    mine = asha(f"POST /marketplace/subscribe/{template}", {"broker_client_id": "ZEBU123"}).body["subscription_id"]
    ravi = as_user("ravi")
    theirs = path.rpartition("/")[2]

    for name in (mine, theirs):
        for line in (f"GET /user/subscriptions/{name}", f"DELETE /user/subscriptions/{name}"):
            refused(ravi(line), 404, "not_found")
        refused(ravi(f"PATCH /user/subscriptions/{name}", {"lot_multiplier": 2}), 404, "not_found")
        for move in ("pause", "resume"):
            refused(ravi(f"PUT /user/subscriptions/{name}/{move}"), 404, "not_found")
    for caller, name in ((asha, theirs), (partner, mine)):
        kind = "user" if caller is asha else "partner"
        refused(caller(f"GET /{kind}/subscriptions/{name}"), 404, "not_found")
    for line in ("GET", "DELETE"):
        refused(ravi(f"{line} /user/broker-accounts/ZEBU123"), 404, "not_found")
    for step in ("initiate", "callback"):
        body = {} if step == "initiate" else {"state": "s", "code": "c"}
        refused(ravi(f"POST /user/broker-accounts/ZEBU123/oauth/{step}", body), 404, "not_found")
    assert ravi("GET /user/subscriptions").body["count"] == 0
    refused(ravi("POST /user/broker-accounts", OWN), 409, "client_id_taken")


def test_a_user_has_nothing_to_do_with_admin_and_needs_an_id_token(deployed: object) -> None:
    refused(as_user()("GET /options/baskets"), 403, "admins_only")
    for odd in (
        {"token_use": "access"},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": ["client-of-the-stage"]},
        {"email_verified": "false"},
        {"email_verified": None},
        {"email": "a\u212asha@example.com"},
    ):
        assert as_user(**odd)("GET /user/subscriptions").status in {400, 403}, odd
    refused(as_user(token_use="access")("GET /user/subscriptions"), 403, "id_token_required")
    refused(as_user(aud="another-client")("GET /user/subscriptions"), 403, "id_token_required")
    refused(as_user(email_verified=False)("GET /user/subscriptions"), 403, "id_token_required")
    assert as_user(email_verified=True)("GET /user/subscriptions").status == 200
    refused(as_user(email=None)("GET /user/subscriptions"), 403, "id_token_required")


def test_the_broker_is_not_asked_to_forget(asha: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = FakeHttp()
    monkeypatch.setattr(wiring, "http", lambda: asked)

    asha("DELETE /user/broker-accounts/ZEBU123")

    assert asked.sent == []
