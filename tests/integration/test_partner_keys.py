"""A key's life as an administrator leads it and as its partner feels it, as HTTP."""

import json
from datetime import timedelta

import pytest

from quantleap.runtime import wiring
from tests.builders import RETURN_TO, Clock
from tests.integration.gateway import Gateway, Remembering, answer, as_admin, as_partner
from tests.integration.test_api import ACCOUNT, KEY, USER, new_partner, refused

KEYS = "/admin/partner-api-keys"
ME = "GET /partner/me"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    standing = Clock()
    monkeypatch.setattr(wiring, "clock", standing)
    return standing


@pytest.fixture
def admin(deployed: object, clock: Clock) -> Gateway:
    return as_admin()


@pytest.fixture
def partner(admin: Gateway) -> Gateway:
    return new_partner(admin)


@pytest.fixture
def path(partner: Gateway) -> str:
    return f"{KEYS}/{partner(ME).body['api_key_id']}"


def test_a_change_counts_from_the_next_request_on(admin: Gateway, partner: Gateway, path: str) -> None:
    changed = admin(f"PUT {path}", {"permissions": ["subscriptions:read"], "rate_limits": {"requests_per_minute": 5}})

    assert (changed.status, changed.body["rate_limits"]["requests_per_day"]) == (200, 10_000)
    refused(partner("GET /partner/marketplace/templates"), 403, "permission_denied")
    assert partner("GET /partner/subscriptions").headers["X-RateLimit-Limit"] == "5"


def test_where_logins_return_to_is_shown_and_changed_at_once(admin: Gateway, partner: Gateway, path: str) -> None:
    partner("POST /partner/broker-accounts", ACCOUNT)
    other = "https://other.example/back"
    begin = ("POST /partner/broker-accounts/ZEBU123/oauth/initiate", {**USER, "redirect_url": other})
    refused(partner(*begin), 400, "redirect_url_not_registered")

    changed = admin(f"PUT {path}", {"redirect_urls": [other]})

    shown = [answer.body["redirect_urls"] for answer in (changed, admin(f"GET {path}"), partner(ME))]
    assert shown == [[other]] * 3
    assert partner(*begin).status == 200
    refused(partner(begin[0], {**USER, "redirect_url": RETURN_TO}), 400, "redirect_url_not_registered")


def test_a_new_key_has_no_address_of_its_own(admin: Gateway) -> None:
    made = admin(f"POST {KEYS}", {name: value for name, value in KEY.items() if name != "redirect_urls"})

    assert (made.status, made.body["redirect_urls"]) == (201, [])


def test_addresses_are_changed_at_once(admin: Gateway, partner: Gateway, path: str) -> None:
    admin(f"PUT {path}", {"allowed_ips": ["2001:db8::/32"]})
    refused(partner(ME), 403, "ip_not_allowed")

    partner.source_ip = "2001:db8::7"

    assert partner(ME).status == 200


def test_during_an_overlap_both_secrets_work_and_then_only_the_new(
    admin: Gateway, partner: Gateway, path: str, clock: Clock
) -> None:
    rotated = admin(f"POST {path}/rotate", {"overlap_hours": 1})
    new = as_partner(rotated.body["api_key"], rotated.body["api_secret"])

    assert (rotated.status, rotated.body["secret_version"]) == (200, 2)
    assert (partner(ME).status, new(ME).status) == (200, 200)
    clock.passes(hours=1)
    assert new(ME).status == 200
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        partner(ME)


def test_a_rotation_that_says_nothing_leaves_a_day(admin: Gateway, path: str, clock: Clock) -> None:
    until = admin(f"POST {path}/rotate").body["old_secret_valid_until"]

    assert until == (clock() + timedelta(hours=24)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    "expiry", ["9999-12-31T23:59:59-12:00", "2100-01-01T00:00:00Z", "2030-01-01", "1893456000", 1893456000]
)
def test_an_end_is_a_time_that_every_list_can_show(admin: Gateway, expiry: object) -> None:
    refused_key = admin(f"POST {KEYS}", {**KEY, "expires_at": expiry})

    assert (refused_key.status, refused_key.body["details"].keys()) == (400, {"expires_at"})
    assert admin(f"GET {KEYS}").status == 200


def test_what_is_refused_with_401_is_not_counted(admin: Gateway, partner: Gateway, path: str, deployed: object) -> None:
    remembering = Remembering(partner.headers)
    remembering(ME)
    admin(f"POST {path}/rotate", {"overlap_hours": 0})
    refused(remembering(ME), 401, "secret_rotated")
    admin(f"DELETE {path}")
    refused(remembering(ME), 401, "key_revoked")

    assert admin(f"GET {path}/usage").body["requests"] == 2  # the fixture's, and the first here


def test_a_secret_that_ran_out_stops_though_the_gateway_remembers_it(admin: Gateway, path: str) -> None:
    admin(f"POST {path}/rotate", {"overlap_hours": 0})
    context = {"api_key_id": path.rpartition("/")[2], "secret_version": "1"}
    event = {"httpMethod": "GET", "resource": "/partner/me", "requestContext": {"requestId": "request-1"}}
    event["requestContext"] |= {"authorizer": context}  # type: ignore[operator]  # both are dictionaries

    refused(answer("partner-api-manager", event), 401, "secret_rotated")


def test_no_answer_but_the_first_shows_a_secret_or_a_hash(admin: Gateway, partner: Gateway, path: str) -> None:
    secret = admin(f"POST {path}/rotate", {"overlap_hours": 5}).body["api_secret"]

    shown = json.dumps([admin(line).body for line in (f"GET {KEYS}", f"GET {path}", f"GET {path}/usage")])
    shown += json.dumps([partner(ME).body, admin(f"PUT {path}", {}).body])

    assert secret not in shown
    assert not {"secret_hash", 'old_secret"', "$2b$"} & set(shown.split())
    assert "$2b$" not in shown
    assert "old_secret_valid_until" in shown


def test_usage_is_shown_by_day_and_route(admin: Gateway, partner: Gateway, path: str, clock: Clock) -> None:
    clock.passes(days=1)
    for line in (ME, ME, "GET /partner/subscriptions/sub_x"):
        partner(line)

    shown = admin(f"GET {path}/usage?days=7").body

    assert (shown["from"], shown["to"], shown["requests"]) == ("2026-11-18", "2026-11-24", 4)
    assert shown["last_used_at"] == "2026-11-24T03:50:00Z"
    assert shown["days"][0] == {
        "date": "2026-11-24",
        "requests": 3,
        "routes": {ME: 2, "GET /partner/subscriptions/{subscription_id}": 1},
    }
    assert admin(f"GET {path}").body["last_used_on"] == "2026-11-24"
    refused(admin(f"GET {path}/usage?days=0"), 400, "invalid_request")


def test_a_key_nobody_knows_is_404_on_every_route(admin: Gateway) -> None:
    for line in ("GET", "PUT", "DELETE"):
        refused(admin(f"{line} {KEYS}/key_none", {}), 404, "not_found")
    refused(admin(f"POST {KEYS}/key_none/rotate", {}), 404, "not_found")
    refused(admin(f"GET {KEYS}/key_none/usage"), 404, "not_found")


@pytest.mark.parametrize("value", ["é" * 48, "\x00", "x" * 10_000, "sk_zebu_test_" + "\u0663" * 48, " ", "🦊"])
def test_a_malformed_header_is_nobody_and_no_fault(admin: Gateway, partner: Gateway, value: str) -> None:
    for name in ("Authorization", "X-Partner-Secret"):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            Gateway({**partner.headers, name: value})(ME)


def test_a_name_is_one_readable_line(admin: Gateway) -> None:
    made = admin(f"POST {KEYS}", {**KEY, "partner_name": "  Zebu Securities "})

    assert made.body["partner_name"] == "Zebu Securities"
    for name in ("", " Z ", "Ze\nbu", "Z" * 81):
        refused(admin(f"POST {KEYS}", {**KEY, "partner_name": name}), 400, "invalid_request")
