"""The partner's journey and its refusals, as HTTP, with moto behind."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from quantleap.domain.broker import Answer as BrokerAnswer
from quantleap.domain.broker import Request
from quantleap.domain.execution import Report
from quantleap.runtime import wiring
from tests.builders import NINE_TWENTY, RETURN_TO, a_plan, a_ticket
from tests.conftest import TIMER_ARN
from tests.integration.gateway import Answer, Gateway, answer, as_admin, as_partner

BASKET = {
    "name": "NIFTY Iron Condor - Weekly",
    "category": "INCOME",
    "strategies": [
        {
            "index": "NIFTY",
            "entry_time": "09:20",
            "exit_time": "15:15",
            "legs": [
                {"side": "SELL", "right": "CE", "strike": {"offset": 4}},
                {"side": "SELL", "right": "PE", "strike": {"offset": -4}},
                {"side": "BUY", "right": "CE", "strike": {"offset": 8}},
                {"side": "BUY", "right": "PE", "strike": {"offset": -8}, "lots": 2},
            ],
        }
    ],
}
OFFER = {"pricing": {"type": "PAID", "monthly_fee": 999}, "tags": ["NIFTY", "WEEKLY"]}
KEY = {
    "partner_id": "ZEBU",
    "partner_name": "Zebu Securities",
    "broker_id": "ZEBU",
    "redirect_urls": [RETURN_TO],
}
USER = {"user_email": "user@example.com"}
ACCOUNT = {**USER, "broker_name": "zebu", "client_id": "ZEBU123", "api_key": "app", "api_secret": "app secret"}


class Login:
    """The broker's login page and token endpoint: give a code and a session to whoever asks, or say no."""

    refusal: str | None = None
    client_id = "ZEBU123"

    def send(self, request: Request, *, timeout_s: float = 10) -> BrokerAnswer:
        if "/OAuthlogin/" in request.target:
            return BrokerAnswer(303, {"location": "https://localhost/?code=code"}, b"")
        said: Mapping[str, object] = {
            "stat": "Ok",
            "access_token": "todays token",
            "uid": self.client_id,
            "USERID": self.client_id,
            "actid": self.client_id,
            "expires_in": 3600,
        }
        if self.refusal:
            said = {"stat": "Not_Ok", "emsg": self.refusal}
        return BrokerAnswer(200, {}, json.dumps(said).encode())


@pytest.fixture
def login(deployed: object, monkeypatch: pytest.MonkeyPatch) -> Login:
    broker = Login()
    monkeypatch.setattr(wiring, "http", lambda: broker)
    return broker


@pytest.fixture
def admin(deployed: object) -> Gateway:
    return as_admin()


@pytest.fixture
def template(admin: Gateway) -> str:
    """A template on the marketplace."""
    basket_id: str = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{basket_id}", OFFER)
    return basket_id


@pytest.fixture
def partner(admin: Gateway) -> Gateway:
    """A partner with every permission."""
    return new_partner(admin)


@pytest.fixture
def user(partner: Gateway) -> dict[str, str]:
    """A user of the partner with a linked account: what a subscription needs of them."""
    partner("POST /partner/broker-accounts", ACCOUNT)
    return {**USER, "broker_client_id": "ZEBU123"}


def new_partner(admin: Gateway, **changes: Any) -> Gateway:
    made = admin("POST /admin/partner-api-keys", {**KEY, **changes}).body
    return as_partner(made["api_key"], made["api_secret"])


def refused(answer: Answer, status: int, code: str) -> None:
    """In the documented shape, with the request's id in body and header."""
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.body["statusCode"] == status
    assert answer.headers["X-Request-Id"] == answer.body["request_id"] == "request-1"


def log_in(partner: Gateway, **changes: str) -> Answer:
    begun = partner("POST /partner/broker-accounts/ZEBU123/oauth/initiate", USER).body
    body = {**USER, "request_token": "code", "state": begun["state"], **changes}
    return partner("POST /partner/broker-accounts/ZEBU123/oauth/callback", body)


def test_anybody_can_ask_whether_the_api_answers(deployed: object) -> None:
    health = Gateway()("GET /health")

    assert (health.status, health.body["status"], health.body["stage"]) == (200, "ok", "dev")


def test_a_secret_is_shown_once(admin: Gateway) -> None:
    made = admin("POST /admin/partner-api-keys", KEY)

    name = made.body["api_key_id"]
    shown = admin(f"GET /admin/partner-api-keys/{name}").body
    listed = admin("GET /admin/partner-api-keys").body
    assert made.status == 201
    assert made.body["api_secret"].startswith("sk_zebu_test_")
    assert shown["api_key"] == made.body["api_key"]
    assert listed["count"] == 1
    assert not {"api_secret", "secret_hash"} & (set(shown) | set(listed["partner_api_keys"][0]))


def test_a_revoked_key_stops_at_once_whatever_the_gateway_remembers(admin: Gateway, partner: Gateway) -> None:
    me = partner("GET /partner/me").body
    revoked = admin(f"DELETE /admin/partner-api-keys/{me['api_key_id']}")

    remembered = {
        "httpMethod": "GET",
        "resource": "/partner/me",
        "requestContext": {"requestId": "request-1", "authorizer": {"api_key_id": me["api_key_id"]}},
    }

    assert (revoked.status, revoked.body["status"]) == (200, "REVOKED")
    refused(answer("partner-api-manager", remembered), 401, "key_revoked")
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        partner("GET /partner/me")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x", "X-Partner-Secret": "y"},
        {"Authorization": "Bearer pk_zebu_test_" + "k" * 32, "X-Partner-Secret": "sk_zebu_test_" + "s" * 48},
    ],
)
def test_strangers_are_turned_away_in_the_gateways_own_word(deployed: object, headers: dict[str, str]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        Gateway(headers)("GET /partner/me")


def test_the_right_key_with_another_secret_is_turned_away(admin: Gateway, partner: Gateway) -> None:
    other = new_partner(admin)

    with pytest.raises(Exception, match=r"^Unauthorized$"):
        Gateway({**partner.headers, "X-Partner-Secret": other.headers["X-Partner-Secret"]})("GET /partner/me")


def test_without_the_authorizers_word_a_function_lets_nobody_in(deployed: object) -> None:
    refused(answer("partner-api-manager", _bare("GET", "/partner/me")), 401, "invalid_credentials")
    refused(answer("basket-manager", _bare("GET", "/options/baskets")), 403, "id_token_required")


def test_a_key_that_is_gone_is_nobody(deployed: object) -> None:
    refused(
        answer("partner-api-manager", _bare("GET", "/partner/me", api_key_id="key_gone")), 401, "invalid_credentials"
    )


def _bare(method: str, resource: str, **authorizer: str) -> dict[str, Any]:
    context = {"requestId": "request-1", "authorizer": authorizer}
    return {"httpMethod": method, "resource": resource, "requestContext": context}


@pytest.mark.parametrize("groups", ["Admins", "[Admins Traders]", "Traders,Admins", ["Admins"], ["Traders", "Admins"]])
def test_an_administrator_is_known_however_groups_are_written(deployed: object, groups: object) -> None:
    assert as_admin(groups)("GET /options/baskets").status == 200


LIKE_ADMINS = ("Not Admins", "Not-Admins", "Admins/read", "[Not,Admins]", ["Not,Admins"], ["Not Admins"], "admins")
"""Groups with other names, which anything but an exact split would take for ours."""


@pytest.mark.parametrize("groups", [None, "", "[]", "Traders", "[NotAdmins]", ["AdminsToBe"], {}, *LIKE_ADMINS])
def test_others_who_signed_in_do_not_administer(deployed: object, groups: object) -> None:
    refused(as_admin(groups)("GET /options/baskets"), 403, "admins_only")


def test_an_access_token_does_not_administer(deployed: object) -> None:
    refused(as_admin(kind="access")("GET /options/baskets"), 403, "id_token_required")


def test_a_missing_permission_is_named(admin: Gateway) -> None:
    reader = new_partner(admin, permissions=["marketplace:read"])

    assert reader("GET /partner/marketplace/templates").status == 200
    denied = reader("POST /partner/marketplace/subscribe", {})
    refused(denied, 403, "permission_denied")
    assert "marketplace:subscribe" in denied.body["message"]


def test_an_address_off_the_list_is_refused(admin: Gateway) -> None:
    far = new_partner(admin, allowed_ips=["203.0.113.0/28"])

    refused(far("GET /partner/me"), 403, "ip_not_allowed")
    far.source_ip = "203.0.113.10"
    assert far("GET /partner/me").status == 200


def test_every_wrong_field_of_a_basket_is_named(admin: Gateway) -> None:
    basket = json.loads(json.dumps(BASKET))
    basket["strategies"][0]["legs"][2]["strike"]["offset"] = "far"
    basket["name"] = ""

    answer = admin("POST /options/baskets", basket)

    refused(answer, 400, "invalid_request")
    assert set(answer.body["details"]) == {"name", "strategies[0].legs[2].strike.offset"}


def test_a_basket_is_offered_browsed_and_withdrawn(admin: Gateway, partner: Gateway, template: str) -> None:
    for caller, path in ((partner, "/partner/marketplace/templates"), (Gateway(), "/marketplace/templates")):
        listed = caller(f"GET {path}?category=NIFTY&difficulty=INTERMEDIATE&pricing_type=PAID").body
        assert [each["basket_id"] for each in listed["templates"]] == [template]
        assert listed["pagination"] == {"total": 1, "page": 1, "per_page": 10}
        assert caller(f"GET {path}/{template}").body["template_id"] == template
    assert admin("GET /admin/marketplace/templates").body["count"] == 1

    admin(f"DELETE /admin/marketplace/templates/{template}")

    assert partner("GET /partner/marketplace/templates").body["templates"] == []
    refused(partner(f"GET /partner/marketplace/templates/{template}"), 404, "not_found")
    refused(admin(f"DELETE /admin/marketplace/templates/{template}"), 404, "not_found")
    assert admin(f"GET /options/baskets/{template}").body["marketplace_config"] is None
    assert admin("GET /options/baskets").body["count"] == 1


def test_a_template_is_shown_in_the_words_of_both_documents(partner: Gateway, template: str) -> None:
    (shown,) = partner("GET /partner/marketplace/templates").body["templates"]

    assert shown["pricing"] == {"type": "PAID", "monthly_fee": 999, "currency": "INR"}
    assert shown["marketplace_config"]["pricing"] == shown["pricing"]
    assert shown["marketplace_config"]["is_template"] is True
    assert shown["performance"]["subscriber_count"] == 0
    assert shown["strategy_summary"] == {
        "index": "NIFTY",
        "entry_time": "09:20",
        "exit_time": "15:15",
        "num_legs": 4,
        "expiry_type": "WEEKLY",
    }
    assert (shown["index"], shown["entry_time"]) == ("NIFTY", "09:20")
    assert {"performance_metrics", "created_at", "updated_at", "template_owner_id"} <= set(shown)


def test_how_a_template_is_built_stays_with_the_admin(partner: Gateway, template: str) -> None:
    assert "strike" not in json.dumps(partner(f"GET /partner/marketplace/templates/{template}").body)


def test_an_account_is_linked_as_the_documents_show(partner: Gateway) -> None:
    made = partner("POST /partner/broker-accounts", ACCOUNT)

    account = made.body["broker_account"]
    assert (made.status, made.body["success"]) == (201, True)
    assert (account["client_id"], account["broker_name"], account["account_status"]) == ("ZEBU123", "zebu", "enabled")
    assert (account["has_credentials"], account["has_oauth_token"]) == (True, False)
    assert "app" not in json.dumps(account).replace("app_", "")
    assert partner("POST /partner/broker-accounts", ACCOUNT).status == 200
    assert partner("GET /partner/broker-accounts/ZEBU123").body["broker_account"] == account
    assert partner("GET /partner/broker-accounts?user_email=user@example.com").body["count"] == 1


def test_everybody_is_told_what_each_broker_can_do(partner: Gateway) -> None:
    told, again = Gateway()("GET /brokers"), partner("GET /partner/brokers")

    zerodha = next(row for row in told.body["brokers"] if row["broker_name"] == "zerodha")
    assert (told.status, told.body["brokers"]) == (200, again.body["brokers"])
    assert zerodha["order_limits"]["at_most"][0] == {"calls": 10, "seconds": 1}
    assert zerodha["token"] == {"dies_at": "06:00 IST", "max_life_hours": None}
    assert zerodha["login"]["state_returned_by"] == "query"
    assert {"zebu", "zerodha", "angel_one", "upstox", "icici_direct", "mstock"} <= {
        row["broker_name"] for row in told.body["brokers"]
    }


def test_a_login_returns_with_the_names_of_the_brokers_page(partner: Gateway, user: object, login: Login) -> None:
    begin, end = (f"POST /partner/broker-accounts/ZEBU123/oauth/{step}" for step in ("initiate", "callback"))
    begun = partner(begin, {**USER, "redirect_url": RETURN_TO}).body
    body = {**USER, "state": begun["state"], "code": "uuid"}

    odd = partner(end, {**body, "feed_token": "f"})

    assert begun["redirect_url"] == f"{RETURN_TO}/{begun['state']}"
    assert begun["state_returned_by"] == "redirect_path"
    refused(odd, 400, "invalid_request")
    assert list(odd.body["details"]) == ["feed_token"]
    assert partner(end, body).status == 200


def test_a_login_makes_the_account_ready(partner: Gateway, user: object, login: Login) -> None:
    begun = partner("POST /partner/broker-accounts/ZEBU123/oauth/initiate", USER)
    done = log_in(partner)

    assert (begun.status, begun.body["expires_in"]) == (200, 300)
    assert begun.body["state"] in begun.body["oauth_url"]
    assert (done.status, done.body["message"]) == (200, "OAuth login successful")
    assert done.body["token_expires_at"].endswith("Z")
    assert done.body["valid_until"].endswith(" IST")
    account = partner("GET /partner/broker-accounts/ZEBU123").body["broker_account"]
    assert (account["ready_to_trade"], account["has_oauth_token"]) == (True, True)


def test_a_wrong_state_is_refused(partner: Gateway, user: object, login: Login) -> None:
    refused(log_in(partner, state="made up"), 400, "oauth_state_invalid")


def test_a_login_the_broker_refuses_is_told_in_its_words(partner: Gateway, user: object, login: Login) -> None:
    login.refusal = "Invalid api_key"

    answer = log_in(partner)

    refused(answer, 400, "broker_login_refused")
    assert answer.body["error"] == "Invalid broker credentials"
    assert answer.body["details"]["broker_response"].casefold() == "invalid api_key"


def test_a_login_to_somebody_elses_account_is_refused(partner: Gateway, user: object, login: Login) -> None:
    login.client_id = "SOMEBODY"

    refused(log_in(partner), 400, "broker_login_refused")


def test_a_subscription_is_answered_in_the_words_of_both_documents(
    partner: Gateway, user: dict[str, str], template: str
) -> None:
    made = partner("POST /partner/marketplace/subscribe", {**user, "template_id": template, "lot_multiplier": 2.5})

    body = made.body
    whole = body["subscription"]
    assert (made.status, body["statusCode"], body["message"]) == (201, 201, "Subscription created successfully")
    assert body["subscription_id"] == whole["subscription_id"]
    assert body["template_id"] == whole["template_id"] == whole["template_basket_id"] == template
    assert body["status"] == whole["status"] == "ACTIVE"
    assert body["revenue_share"] == {"partner_commission": 299.7, "platform_fee": 699.3, "currency": "INR"}
    assert body["broker_allocation"]["lot_multiplier"] == 2.5
    assert whole["partner_attribution"]["commission_rate"] == 0.3
    assert [leg["lots"] for leg in whole["lots"]] == [2, 2, 2, 5]
    assert body["next_billing_date"].startswith(whole["pricing"]["next_billing_date"][:7])


def test_a_subscription_lives_pauses_and_ends(partner: Gateway, user: dict[str, str], template: str) -> None:
    wanted = {**user, "template_basket_id": template}
    name = partner("POST /partner/marketplace/subscribe", wanted).body["subscription_id"]
    path = f"/partner/subscriptions/{name}"

    states = [
        partner(line).body["subscription"]["status"]
        for line in (f"GET {path}", f"PUT {path}/pause", f"PUT {path}/resume", f"DELETE {path}", f"GET {path}")
    ]

    assert states == ["ACTIVE", "PAUSED", "ACTIVE", "CANCELLED", "CANCELLED"]
    refused(partner(f"DELETE {path}"), 409, "invalid_state")
    assert partner("GET /partner/subscriptions?status=CANCELLED&limit=1").body["count"] == 1
    assert partner("POST /partner/marketplace/subscribe", wanted).status == 201


def test_a_second_subscription_is_409_and_names_the_first(
    partner: Gateway, user: dict[str, str], template: str
) -> None:
    wanted = {**user, "template_id": template}
    first = partner("POST /partner/marketplace/subscribe", wanted).body["subscription_id"]

    second = partner("POST /partner/marketplace/subscribe", wanted)

    refused(second, 409, "already_subscribed")
    assert second.body["error"] == "User already subscribed to this strategy"
    assert second.body["existing_subscription_id"] == first


def test_what_is_missing_or_wrong_in_a_subscription_is_named(partner: Gateway, template: str) -> None:
    wrong = partner("POST /partner/marketplace/subscribe", {"user_email": "x", "lot_multiplier": -1})
    unlinked = {**USER, "template_id": template, "broker_client_id": "NONE1"}
    unknown = {**unlinked, "template_id": "bsk_none"}

    refused(wrong, 400, "invalid_request")
    assert set(wrong.body["details"]) == {"user_email", "lot_multiplier", "template_id", "broker_client_id"}
    assert wrong.body["details"]["user_email"] == "Invalid email format"
    refused(partner("POST /partner/marketplace/subscribe", unlinked), 400, "broker_account_missing")
    refused(partner("POST /partner/marketplace/subscribe", unknown), 404, "not_found")


def test_another_partner_finds_nothing(admin: Gateway, partner: Gateway, user: dict[str, str], template: str) -> None:
    made = partner("POST /partner/marketplace/subscribe", {**user, "template_id": template}).body
    other = new_partner(admin, partner_id="acme")
    path = f"/partner/subscriptions/{made['subscription_id']}"

    for line in (f"GET {path}", f"PUT {path}/pause", f"DELETE {path}", "GET /partner/broker-accounts/ZEBU123"):
        refused(other(line), 404, "not_found")
    for step in ("initiate", "callback"):
        body = USER if step == "initiate" else {**USER, "request_token": "x", "state": "x"}
        refused(other(f"POST /partner/broker-accounts/ZEBU123/oauth/{step}", body), 404, "not_found")
    assert other("GET /partner/subscriptions").body["count"] == 0
    assert other("GET /partner/subscriptions?user_email=user@example.com").body["count"] == 0
    assert other("GET /partner/broker-accounts").body["count"] == 0


def test_test_and_live_keys_of_a_partner_are_two_worlds(admin: Gateway, partner: Gateway, user: object) -> None:
    live = new_partner(admin, environment="live")

    assert live("GET /partner/broker-accounts").body["count"] == 0
    refused(live("POST /partner/broker-accounts", ACCOUNT), 400, "invalid_request")


@pytest.fixture
def timer(deployed: object) -> Any:
    """The state machine, which starts and does nothing."""
    client = boto3.client("stepfunctions")
    client.create_state_machine(
        name=TIMER_ARN.rpartition(":")[2],
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/timer",
    )
    return client


def test_a_sandbox_run_is_started_once_for_the_keys_tenant(partner: Gateway, template: str, timer: Any) -> None:
    at = (wiring.clock() + timedelta(minutes=5)).replace(microsecond=0).isoformat()

    fired = [partner("POST /partner/sandbox/executions", {"template_id": template, "at": at}) for _ in range(2)]

    (started,) = timer.list_executions(stateMachineArn=TIMER_ARN)["executions"]
    sent = json.loads(timer.describe_execution(executionArn=started["executionArn"])["input"])
    assert [each.status for each in fired] == [202, 202]
    assert fired[0].body["run_id"] == fired[1].body["run_id"] == started["name"]
    assert datetime.fromisoformat(sent.pop("at")) == datetime.fromisoformat(at)
    assert sent == {"template_id": template, "scope": "zebu#test", "kind": "entry"}


def test_live_keys_cannot_fire_the_sandbox(admin: Gateway, template: str) -> None:
    live = new_partner(admin, environment="live")

    refused(live("POST /partner/sandbox/executions", {"template_id": template}), 403, "sandbox_only")


def test_a_sandbox_run_in_the_past_is_refused(partner: Gateway, template: str) -> None:
    body = {"template_id": template, "at": "2026-01-01T00:00:00Z"}

    refused(partner("POST /partner/sandbox/executions", body), 400, "invalid_request")


def test_a_run_is_read_with_every_order_of_the_tenants_users(admin: Gateway, partner: Gateway) -> None:
    plan, ticket = a_plan(boundary=NINE_TWENTY - timedelta(days=1)), a_ticket()
    runs = wiring.runs()
    runs.adopt_plan(plan)
    runs.write_tickets([ticket, a_ticket(tenant="acme#test", subscription_id="sub_theirs")])
    runs.close(plan.due.run_id, Report(seats=2))

    shown = partner(f"GET /partner/executions/{plan.due.run_id}").body

    (subscription,) = shown["subscriptions"]
    (order,) = subscription["orders"]
    assert (shown["status"], shown["boundary"]) == ("completed", "2026-11-22T03:50:00Z")
    assert shown["report"]["seats"] == 1
    assert (subscription["client_id"], subscription["skipped"]) == ("ZEBU123", None)
    assert (order["side"], order["quantity"], order["limit_price"]) == ("BUY", 65, 101.35)
    assert (order["order_id"], order["sent_after_ms"], order["average_price"]) == ("O1", 0.412, 99.95)
    assert [run["run_id"] for run in partner("GET /partner/executions").body["executions"]] == [plan.due.run_id]
    refused(new_partner(admin, partner_id="other")(f"GET /partner/executions/{plan.due.run_id}"), 404, "not_found")
    refused(partner("GET /partner/executions/run_none"), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/partner/subscriptions/" + "x" * 5000,
        "/partner/subscriptions/sub_%00",
        "/partner/broker-accounts/" + "C" * 2000,
        "/partner/executions/%23%23",
        "/partner/marketplace/templates/%F0%9F%A6%8A",
        "/partner/subscriptions/%2e%2e%2fadmin",
    ],
)
def test_an_odd_id_is_just_not_found(partner: Gateway, path: str) -> None:
    refused(partner(f"GET {path}"), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "subscriptions?limit=0",
        "subscriptions?next_token=" + "x" * 300,
        "subscriptions?status=ACTIVE&status=PAUSED",
        "subscriptions?user_email=x",
        "marketplace/templates?page=99999999999999999999",
        "marketplace/templates?category=" + "N" * 9000,
        "marketplace/templates?next_token=1e9",
        "broker-accounts?next_token=%00",
        "executions?limit=x&next_token=%F0%9F%A6%8A",
        "executions?colour=red",
        "executions?next_token=bsk_1",
        "readiness?at=9999-12-31T23:59:59Z",
        "readiness?at=0001-01-01T00:00:00%2B14:00",
        "readiness?at=1795797480",
        "readiness?at=2026-11-24",
    ],
)
def test_an_odd_query_is_400(partner: Gateway, query: str) -> None:
    refused(partner(f"GET /partner/{query}"), 400, "invalid_request")


def test_one_line_a_request_is_logged_and_no_secret(
    partner: Gateway, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    partner("POST /partner/broker-accounts", ACCOUNT)
    log_in(partner)
    log_in(partner, state="made up")

    assert caplog.messages.count("answered") == 5
    logged = str([vars(record) for record in caplog.records])
    for secret in (partner.headers["X-Partner-Secret"], "app secret", "todays token", "user@example.com", "made up"):
        assert secret not in logged
