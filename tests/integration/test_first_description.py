"""Requests and answers of the first description of this API, which clients were written by: each is still answered so.

An answer may hold more. What is otherwise, and why, is in docs/partner-docs/integration-guide.md, section 11.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from quantleap.runtime import wiring
from quantleap.services.broker_accounts import STATE_LENGTH
from tests.integration.gateway import Answer, Gateway, as_admin, as_user
from tests.integration.test_api import ACCOUNT, BASKET, KEY, OFFER, Login, new_partner

MAIL = {"user_email": "user@example.com"}
ACCOUNT_ANSWER = {
    "success": True,
    "message": "Broker account created successfully",
    "broker_account": {
        "user_id": "partner-user",
        "client_id": "ZEBU123",
        "broker_name": "zebu",
        "account_status": "enabled",
        "has_credentials": True,
        "has_oauth_token": False,
    },
}
TEMPLATES_OF_THE_GUIDE = {
    "statusCode": 200,
    "templates": [
        {
            "basket_id": "bsk",
            "template_owner_id": "admin_quantleap",
            "name": "NIFTY Iron Condor - Weekly",
            "description": "text",
            "marketplace_config": {
                "is_template": True,
                "visibility": "PUBLIC",
                "category": "INCOME",
                "difficulty_level": "INTERMEDIATE",
                "tags": ["NIFTY", "WEEKLY"],
                "pricing": {"type": "PAID", "monthly_fee": 999, "currency": "INR"},
            },
            "performance": {
                "subscriber_count": 0,
                "avg_monthly_return_pct": None,
                "max_drawdown_pct": None,
                "win_rate_pct": None,
            },
            "strategy_summary": {
                "index": "NIFTY",
                "entry_time": "09:20",
                "exit_time": "15:15",
                "num_legs": 4,
                "expiry_type": "WEEKLY",
            },
            "created_at": "2025-09-15T10:00:00Z",
            "updated_at": "2025-10-08T14:30:00Z",
        }
    ],
    "pagination": {"total": 1, "page": 1, "per_page": 10},
}
TEMPLATES_OF_THE_FLOW = {
    "templates": [
        {
            "template_id": "bsk",
            "name": "NIFTY Iron Condor - Weekly",
            "description": "text",
            "index": "NIFTY",
            "entry_time": "09:20",
            "pricing": {"type": "PAID", "monthly_fee": 999, "currency": "INR"},
            "performance_metrics": {"win_rate": None, "avg_monthly_return": None, "max_drawdown": None},
        }
    ]
}
TEMPLATES_OF_THE_PLAN = {
    "templates": [
        {
            "template_id": "bsk",
            "name": "NIFTY Iron Condor - Weekly",
            "category": "INCOME",
            "difficulty_level": "INTERMEDIATE",
            "subscriber_count": 0,
            "pricing": {"type": "PAID", "monthly_fee": 999},
            "performance_metrics": {"avg_monthly_return": None, "sharpe_ratio": None},
        }
    ]
}
SUBSCRIPTION_OF_THE_GUIDE = {
    "message": "Subscription created successfully",
    "subscription": {
        "subscription_id": "sub",
        "user_id": "usr",
        "template_basket_id": "bsk",
        "template_owner_id": "admin_quantleap",
        "status": "ACTIVE",
        "pricing": {
            "monthly_fee": 999,
            "currency": "INR",
            "billing_start_date": "2025-10-10",
            "next_billing_date": "2025-11-10",
        },
        "broker_allocation": {
            "allocation_id": "alloc",
            "broker_id": "zebu",
            "client_id": "ZEBU123",
            "lot_multiplier": 2,
            "status": "ACTIVE",
        },
        "partner_attribution": {
            "partner_id": "zebu",
            "partner_api_key_id": "key",
            "commission_rate": 0.3,
            "monthly_commission": 299.7,
        },
        "created_at": "2025-10-10T10:15:30Z",
    },
}
SUBSCRIPTION_OF_THE_FLOW = {
    "message": "Subscription created successfully",
    "subscription_id": "sub",
    "user_id": "usr",
    "template_id": "bsk",
    "status": "ACTIVE",
    "broker_allocation": {
        "allocation_id": "alloc",
        "client_id": "ZEBU123",
        "broker_id": "zebu",
        "lot_multiplier": 2,
        "status": "ACTIVE",
    },
    "next_billing_date": "2025-11-10T00:00:00Z",
    "revenue_share": {"partner_commission": 299.7, "platform_fee": 699.3, "currency": "INR"},
}
NAMES_AND_TIMES = {
    "allocation_id",
    "basket_id",
    "billing_start_date",
    "created_at",
    "description",
    "next_billing_date",
    "oauth_url",
    "partner_api_key_id",
    "state",
    "subscription_id",
    "template_basket_id",
    "template_id",
    "token_expires_at",
    "updated_at",
    "user_id",
    "valid_until",
}
"""Fields whose values belong to one request."""


@pytest.fixture
def admin(deployed: object) -> Gateway:
    return as_admin()


@pytest.fixture
def template(admin: Gateway) -> str:
    basket_id: str = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{basket_id}", OFFER)
    return basket_id


@pytest.fixture
def partner(admin: Gateway) -> Gateway:
    return new_partner(admin)


@pytest.fixture
def login(deployed: object, monkeypatch: pytest.MonkeyPatch) -> Login:
    broker = Login()
    monkeypatch.setattr(wiring, "http", lambda: broker)
    return broker


def missing(documented: object, answered: object, path: str = "") -> Iterator[str]:
    """Where an answer does not hold what was documented, or holds another value."""
    match documented:
        case dict():
            for name, value in documented.items():
                if not isinstance(answered, dict) or name not in answered:
                    yield f"{path}.{name}"
                elif name in NAMES_AND_TIMES:
                    yield from () if type(answered[name]) is type(value) else (f"{path}.{name}",)
                else:
                    yield from missing(value, answered[name], f"{path}.{name}")
        case list():
            pairs = zip(documented, answered if isinstance(answered, list) else [], strict=False)
            for number, (value, given) in enumerate(pairs):
                yield from missing(value, given, f"{path}[{number}]")
        case _ if documented != answered:
            yield f"{path}: {answered!r}"
        case _:
            pass


def fits(answer: Answer, status: int, documented: object) -> None:
    assert answer.status == status, answer.body
    assert list(missing(documented, answer.body)) == []


@pytest.mark.parametrize(
    ("query", "documented"),
    [
        ("", TEMPLATES_OF_THE_FLOW),
        ("?category=NIFTY&difficulty=INTERMEDIATE&pricing_type=PAID", TEMPLATES_OF_THE_GUIDE),
        ("?category=INCOME&limit=20", TEMPLATES_OF_THE_PLAN),
    ],
)
def test_the_marketplace_is_browsed(partner: Gateway, template: str, query: str, documented: object) -> None:
    fits(partner(f"GET /partner/marketplace/templates{query}"), 200, documented)
    fits(partner(f"GET /marketplace/templates{query}"), 200, documented)


def test_a_broker_account_is_linked_and_logged_in(partner: Gateway, login: Login) -> None:
    fits(partner("POST /partner/broker-accounts", ACCOUNT), 201, ACCOUNT_ANSWER)

    begun = partner("POST /partner/broker-accounts/ZEBU123/oauth/initiate", MAIL)
    fits(begun, 200, {"oauth_url": "https://broker", "state": "s", "expires_in": 300})
    assert len(begun.body["state"]) == STATE_LENGTH

    came = {**MAIL, "request_token": "xxx", "state": begun.body["state"]}
    done = partner("POST /partner/broker-accounts/ZEBU123/oauth/callback", came)
    expected = {"success": True, "message": "OAuth login successful", "token_expires_at": "Z", "valid_until": "IST"}
    fits(done, 200, expected)
    assert done.body["valid_until"].endswith(" IST")


@pytest.mark.parametrize(
    ("asked", "documented"),
    [
        (
            {"template_basket_id": "", "user_name": "John Doe", "lot_multiplier": 2, "auto_link_broker": True},
            SUBSCRIPTION_OF_THE_GUIDE,
        ),
        ({"template_id": "", "lot_multiplier": 2.0, "auto_link_broker": True}, SUBSCRIPTION_OF_THE_FLOW),
    ],
)
def test_a_user_is_subscribed(
    partner: Gateway, template: str, login: Login, asked: Mapping[str, Any], documented: object
) -> None:
    partner("POST /partner/broker-accounts", ACCOUNT)
    body = {**MAIL, "broker_client_id": "ZEBU123", **{name: value or template for name, value in asked.items()}}

    fits(partner("POST /partner/marketplace/subscribe", body), 201, documented)

    again = partner("POST /partner/marketplace/subscribe", body)
    refusal = {
        "error": "User already subscribed to this strategy",
        "message": "User already subscribed to this strategy",
    }
    fits(again, 409, {"statusCode": 409, **refusal})
    assert again.body["existing_subscription_id"].startswith("sub_")


def test_somebody_who_signed_in_subscribes_with_nothing_but_the_address(template: str, login: Login) -> None:
    asha = as_user()
    link = {name: value for name, value in ACCOUNT.items() if name != "user_email"}
    asha("POST /user/broker-accounts", link)

    made = asha(f"POST /marketplace/subscribe/{template}")

    assert made.status == 201, made.body
    mine = asha("GET /user/subscriptions").body["subscriptions"]
    assert [each["subscription_id"] for each in mine] == [made.body["subscription_id"]]


def test_an_administrator_issues_a_key(admin: Gateway) -> None:
    asked = {**KEY, "partner_type": "BROKER", "revenue_share": {"platform_percentage": 70, "partner_percentage": 30}}

    made = admin("POST /admin/partner-api-keys", asked)

    assert made.status == 201
    assert made.body["api_key"].startswith("pk_zebu_")
    assert made.body["api_secret"].startswith("sk_zebu_")
    assert "shown" in made.body["warning"]


def test_an_administrator_changes_a_stop_loss(admin: Gateway, template: str) -> None:
    assert admin(f"PUT /options/baskets/{template}", {"stop_loss": 15}).body["stop_loss"] == 15
    assert OFFER["tags"] == admin(f"GET /options/baskets/{template}").body["marketplace_config"]["tags"]


def test_refusals_have_the_texts_that_clients_show(admin: Gateway, partner: Gateway) -> None:
    wrong = partner("POST /partner/marketplace/subscribe", {"user_email": "x"})
    fits(wrong, 400, {"statusCode": 400, "error": "Invalid request parameters"})
    assert wrong.body["details"]["user_email"] == "Invalid email format"

    slow = new_partner(admin, rate_limits={"requests_per_minute": 1})
    slow("GET /partner/me")
    fits(slow("GET /partner/me"), 429, {"statusCode": 429, "error": "Rate limit exceeded: 1 requests per minute"})


def test_a_login_the_broker_refuses_says_what_the_broker_said(partner: Gateway, login: Login) -> None:
    partner("POST /partner/broker-accounts", ACCOUNT)
    state = partner("POST /partner/broker-accounts/ZEBU123/oauth/initiate", MAIL).body["state"]
    login.refusal = "Invalid api_key"

    came = {**MAIL, "request_token": "xxx", "state": state}
    refusal = partner("POST /partner/broker-accounts/ZEBU123/oauth/callback", came)

    documented = {"error": "Invalid broker credentials", "details": {"broker_response": "Invalid api_key"}}
    fits(refusal, 400, {"statusCode": 400, **documented})
