"""Whatever stands in whichever field of whichever body: an answer of ours, and never a fault."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

from tests.integration.gateway import Gateway, as_admin, as_partner, as_user
from tests.integration.test_api import ACCOUNT, BASKET, KEY, OFFER, USER

ODD: tuple[object, ...] = (
    None,
    True,
    -1,
    10**30,
    1e308,
    0.1 + 0.2,
    "",
    " ",
    "\x00",
    "\ud800",
    "é" * 300,
    "x" * 10_000,
    "a@b.c" + "\u0130" * 200,
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "9999-12-31",
    4102444800,
    "NaN",
    [],
    [None],
    {},
    {"a": {"b": []}},
    [[[[]]]],
)

SUBSCRIBE = {**USER, "template_id": "bsk_none", "broker_client_id": "ZEBU123", "lot_multiplier": 1}
FULL_KEY = {
    **KEY,
    "partner_type": "BROKER",
    "environment": "test",
    "permissions": ["marketplace:read"],
    "rate_limits": {"requests_per_minute": 60, "requests_per_day": 10},
    "revenue_share": {"platform_percentage": 70, "partner_percentage": 30},
    "branding": {"custom_logo_url": "https://zebu.example/logo.png"},
    "allowed_ips": ["203.0.113.10"],
    "redirect_urls": ["https://zebu.example/back"],
    "expires_at": "2099-01-01T00:00:00Z",
}
FULL_BASKET = {**BASKET, "description": "words", "stop_loss": 15, "target": 30}
FULL_OFFER = {**OFFER, "visibility": "PRIVATE", "partners": ["zebu"], "difficulty_level": "BEGINNER"}
MANY = {"requests_per_minute": 6000, "requests_per_day": 10_000_000}
LOGIN = {**USER, "request_token": "code", "state": "state"}

BODIES: Mapping[str, Mapping[str, Any]] = {
    "POST /admin/partner-api-keys": FULL_KEY,
    "POST /options/baskets": FULL_BASKET,
    "POST /admin/marketplace/templates/bsk_none": FULL_OFFER,
    "POST /partner/marketplace/subscribe": SUBSCRIBE,
    "POST /partner/broker-accounts": {**ACCOUNT, "user_name": "Asha"},
    "POST /partner/broker-accounts/ZEBU123/oauth/initiate": USER,
    "POST /partner/broker-accounts/ZEBU123/oauth/callback": LOGIN,
    "POST /partner/sandbox/executions": {"template_id": "bsk_none", "at": "2099-01-01T00:00:00Z"},
    "PUT /admin/partner-api-keys/key_none": {name: FULL_KEY[name] for name in ("rate_limits", "expires_at")},
    "POST /admin/partner-api-keys/key_none/rotate": {"overlap_hours": 1},
    "PUT /options/baskets/bsk_none": {"stop_loss": 15, "max_lots": 5, "description": "words"},
    "POST /options/baskets/bsk_none/versions/1/approve": {"algo_ids": {"zebu": "A1"}, "effective_from": "2099-01-01"},
    "PUT /admin/marketplace/templates/bsk_none": FULL_OFFER,
    "PUT /admin/halts/platform": {"reason": "words", "until": "2099-01-01T00:00:00Z"},
    "PATCH /partner/subscriptions/sub_none": {"allocations": [{"client_id": "ZEBU123", "lot_multiplier": 1}]},
    "PATCH /user/subscriptions/sub_none": {"lot_multiplier": 1, "broker_client_id": "ZEBU123"},
    "POST /marketplace/subscribe/bsk_none": {"broker_client_id": "ZEBU123", "lot_multiplier": 1},
    "POST /user/broker-accounts": {
        name: ACCOUNT[name] for name in ("broker_name", "client_id", "api_key", "api_secret")
    },
    "POST /user/broker-accounts/ZEBU123/oauth/callback": {"state": "state", "code": "code"},
}


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a body, the body itself too."""
    yield path
    inside: Mapping[Any, object] = {}
    if isinstance(value, Mapping):
        inside = value
    elif isinstance(value, list):
        inside = dict(enumerate(value[:1]))
    for name, part in inside.items():
        yield from places(part, (*path, name))


def replaced(body: Any, path: tuple[Any, ...], odd: object) -> Any:
    if not path:
        return odd
    copy = deepcopy(body)
    part = copy
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = odd
    return copy


@pytest.fixture
def caller(deployed: object) -> dict[str, Gateway]:
    made = as_admin()("POST /admin/partner-api-keys", {**KEY, "rate_limits": MANY}).body
    partner = as_partner(made["api_key"], made["api_secret"])
    partner("POST /partner/broker-accounts", ACCOUNT)
    asha = as_user()
    return {"partner": partner, "admin": as_admin(), "options": as_admin(), "user": asha, "marketplace": asha}


@pytest.mark.parametrize("line", BODIES)
def test_no_odd_value_anywhere_is_a_fault(caller: dict[str, Gateway], line: str) -> None:
    ask = caller[line.split("/")[1]]
    statuses = {
        (place, str(odd)[:40]): ask(line, replaced(BODIES[line], place, odd)).status
        for place in places(BODIES[line])
        for odd in ODD
    }

    assert {where: status for where, status in statuses.items() if status >= 500} == {}
