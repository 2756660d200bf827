"""What goes wrong at the door, over HTTP: each with its status, its reason, and nothing changed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.browser import log_in
from sandbox.client import Client, as_partner, as_person
from sandbox.platform.places import ROOT
from sandbox.platform.record import PartnerKey
from sandbox.platform.seed import PARTNER
from tests.e2e.actors import a_linked_user, a_template, another_partner
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

AT_ONCE = 50


@pytest.mark.parametrize("left_out", ["Authorization", "X-Partner-Secret"])
def test_a_missing_half_of_the_credentials_is_401(platform: Platform, left_out: str) -> None:
    client = platform.partner()
    del client.headers[left_out]
    assert client.get("/partner/me").status == 401


def test_wrong_credentials_are_401(platform: Platform) -> None:
    record = platform.record
    key, secret = record.partner
    for wrong in (PartnerKey(key, secret[:-1] + "#"), PartnerKey(key[:-1] + "#", secret)):
        refusal = as_partner(record.base_url, wrong).get("/partner/me")
        assert refusal.status == 401
        assert refusal.body["code"] == "invalid_credentials"


def test_a_revoked_key_is_401_at_once(platform: Platform) -> None:
    admin = platform.admin()
    made = admin.post("/admin/partner-api-keys", PARTNER).expect(201)
    partner = as_partner(platform.record.base_url, PartnerKey(made["api_key"], made["api_secret"]))
    partner.get("/partner/me").expect(200)

    admin.delete(f"/admin/partner-api-keys/{made['api_key_id']}").expect(200)

    assert partner.get("/partner/me").status == 401


def test_a_keys_secret_is_shown_once(platform: Platform) -> None:
    admin = platform.admin()
    made = admin.post("/admin/partner-api-keys", PARTNER).expect(201)
    shown = admin.get(f"/admin/partner-api-keys/{made['api_key_id']}").expect(200)
    assert made["api_secret"] not in str(shown)
    assert "secret_hash" not in shown


def test_admin_routes_ask_for_an_admin(platform: Platform) -> None:
    record = platform.record
    assert Client(record.base_url).get("/options/baskets").status == 401
    assert as_person(record.base_url, record.user.token).get("/options/baskets").status == 403
    assert platform.partner().get("/options/baskets").status == 401


def test_another_partners_user_is_404(platform: Platform) -> None:
    user, other = a_linked_user(platform), another_partner(platform)
    subscription_id = user.subscribe(a_template(platform))
    path = f"/partner/subscriptions/{subscription_id}"

    assert other.get(path).status == 404
    assert other.put(f"{path}/pause").status == 404
    assert other.delete(path).status == 404
    assert other.get(f"/partner/broker-accounts/{user.client_id}").status == 404
    assert user.partner.get(path).expect(200)["subscription"]["status"] == "ACTIVE"


def test_an_unknown_template_is_404(platform: Platform) -> None:
    user = a_linked_user(platform)
    assert user.ask_to_subscribe("bsk_0000000000000000").status == 404
    assert user.partner.get("/partner/marketplace/templates/bsk_0000000000000000").status == 404
    fired = user.partner.post("/partner/sandbox/executions", {"template_id": "bsk_0000000000000000"})
    assert fired.status == 404


def test_a_second_subscription_is_409_and_names_the_first(platform: Platform) -> None:
    user, template_id = a_linked_user(platform), a_template(platform)
    first = user.subscribe(template_id)

    refusal = user.ask_to_subscribe(template_id)

    assert refusal.status == 409
    assert refusal.body["existing_subscription_id"] == first


def test_of_many_subscriptions_at_once_one_is_made(platform: Platform) -> None:
    user = a_linked_user(platform)
    user.partner = platform.partner(connections=AT_ONCE)
    template_id = a_template(platform)

    with ThreadPoolExecutor(AT_ONCE) as crowd:
        replies = list(crowd.map(user.ask_to_subscribe, [template_id] * AT_ONCE))

    made = [reply for reply in replies if reply.status == 201]
    refused = [reply for reply in replies if reply.status == 409]
    assert (len(made), len(refused)) == (1, AT_ONCE - 1), sorted(reply.status for reply in replies)
    assert {reply.body["existing_subscription_id"] for reply in refused} == {made[0].body["subscription_id"]}
    template = user.partner.get(f"/partner/marketplace/templates/{template_id}").expect(200)
    assert template["subscriber_count"] == 1


def test_every_wrong_field_is_named(platform: Platform) -> None:
    wrong = {"user_email": "nobody", "broker_client_id": "?", "lot_multiplier": 0, "surprise": 1}

    refusal = platform.partner().post("/partner/marketplace/subscribe", wrong)

    assert refusal.status == 400
    assert refusal.body["error"] == "Invalid request parameters"
    assert set(refusal.body["details"]) == {
        "user_email",
        "template_id",
        "broker_client_id",
        "lot_multiplier",
        "surprise",
    }


def test_a_body_that_is_no_json_is_400(platform: Platform) -> None:
    refusal = platform.partner().post("/partner/broker-accounts", "not an object")
    assert refusal.status == 400


def test_a_wrong_oauth_state_is_400(platform: Platform) -> None:
    user = a_linked_user(platform)
    begun = user.begin_login()
    refusal = user.finish_login(log_in(begun["oauth_url"], user.client_id), "not-the-state")
    assert (refusal.status, refusal.body["code"]) == (400, "oauth_state_invalid")


def test_an_oauth_state_works_once(platform: Platform) -> None:
    user = a_linked_user(platform)
    begun = user.begin_login()
    user.finish_login(log_in(begun["oauth_url"], user.client_id), begun["state"]).expect(200)

    refusal = user.finish_login(log_in(begun["oauth_url"], user.client_id), begun["state"])

    assert (refusal.status, refusal.body["code"]) == (400, "oauth_state_invalid")


def test_another_users_oauth_state_is_400(platform: Platform) -> None:
    asha, ravi = a_linked_user(platform), a_linked_user(platform)
    begun = asha.begin_login()
    refusal = ravi.finish_login(log_in(begun["oauth_url"], ravi.client_id), begun["state"])
    assert refusal.status == 400


def test_the_documents_mock_token_logs_in_without_a_browser(platform: Platform) -> None:
    user = a_linked_user(platform)
    user.finish_login({"request_token": "mock_token_12345"}, user.begin_login()["state"]).expect(200)
    account = user.partner.get(f"/partner/broker-accounts/{user.client_id}").expect(200)["broker_account"]
    assert account["ready_to_trade"] is True


@pytest.mark.parametrize(
    ("wanted", "line", "status", "code"),
    [
        (["--per-minute", "2"], "GET /partner/me", 429, "rate_limited"),
        (["--permission", "marketplace:read"], "GET /partner/subscriptions", 403, "permission_denied"),
        (["--address", "203.0.113.10"], "GET /partner/me", 403, "ip_not_allowed"),
    ],
)
def test_a_key_can_be_made_for_every_refusal_of_the_checklist(
    platform: Platform, wanted: list[str], line: str, status: int, code: str
) -> None:
    command = [sys.executable, "-m", "sandbox", "key", "--state", str(platform.places.state), *wanted]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = dict(each.split("=") for each in told.split())
    partner = as_partner(platform.record.base_url, PartnerKey(named["KEY"], named["SECRET"]))
    method, path = line.split()

    said = [partner.send(method, path) for _ in range(4)][-1]

    assert (said.status, said.body["code"]) == (status, code)


def test_a_wrong_secret_costs_no_more_than_a_right_one(platform: Platform) -> None:
    """The authorizer's process lives on: it says no, and does not fall."""
    key, secret = platform.record.partner
    wrong = [PartnerKey(key, f"{secret[:-1]}{letter}") for letter in "abcdef" if not secret.endswith(letter)]
    platform.partner().get("/partner/me").expect(200)
    before = {each.pid for each in platform.workers("partner-auth")}

    said = [as_partner(platform.record.base_url, each).get("/partner/me") for each in wrong]

    assert {reply.status for reply in said} == {401}
    assert before <= {each.pid for each in platform.workers("partner-auth")}
