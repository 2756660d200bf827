"""Halts and readiness, in both stores and as HTTP."""

import pytest

from quantleap.domain.errors import NotFound
from tests.fakes import Stores
from tests.integration.gateway import Gateway, as_admin
from tests.integration.test_api import ACCOUNT, BASKET, OFFER, USER, new_partner, refused
from tests.unit.test_halts import a_halt


def test_halts_are_kept_replaced_listed_by_scope_and_lifted(stores: Stores) -> None:
    for halt in (a_halt("user:usr_" + "0" * 20), a_halt("partner:zebu"), a_halt("partner:zebu", reason="again")):
        stores.halts.put(halt)

    for reader in range(9):
        assert [halt.scope for halt in stores.halts.list(reader)] == ["partner:zebu", "user:usr_" + "0" * 20]
    assert stores.halts.get("partner:zebu").reason == "again"
    assert stores.halts.lift("partner:zebu").reason == "again"
    for ask in (stores.halts.get, stores.halts.lift):
        with pytest.raises(NotFound):
            ask("partner:zebu")
    for reader in range(9):
        assert [halt.scope for halt in stores.halts.list(reader)] == ["user:usr_" + "0" * 20]


def test_an_admin_halts_a_partner_and_lets_it_go_on(deployed: object) -> None:
    admin, path = as_admin(), "/admin/halts/partner:zebu"

    made = admin(f"PUT {path}", {"reason": "margin calls", "until": "2099-01-01T00:00:00Z"})

    assert (made.status, made.body["scope"], made.body["stands"]) == (200, "partner:zebu", True)
    assert admin("GET /admin/halts/partner%3Azebu").body == made.body
    assert admin("GET /admin/halts").body["count"] == 1
    assert admin(f"DELETE {path}").status == 200
    refused(admin(f"GET {path}"), 404, "not_found")
    refused(admin(f"DELETE {path}"), 404, "not_found")
    refused(admin("PUT /admin/halts/everything", {"reason": "margin calls"}), 404, "not_found")
    refused(admin(f"PUT {path}", {"reason": "x"}), 400, "invalid_request")


@pytest.fixture
def partner(deployed: object) -> Gateway:
    admin = as_admin()
    basket = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{basket}", OFFER)
    caller = new_partner(admin)
    caller("POST /partner/broker-accounts", ACCOUNT)
    wanted = {**USER, "template_id": basket, "broker_client_id": "ZEBU123"}
    caller("POST /partner/marketplace/subscribe", wanted)
    return caller


def test_readiness_counts_first_and_then_tells_of_each(partner: Gateway) -> None:
    shown = partner("GET /partner/readiness").body

    assert list(shown)[1:6] == ["at", "count", "ready", "not_ready", "reasons"]
    assert (shown["ready"], shown["not_ready"], shown["reasons"]) == (0, 1, {"broker_login_missing": 1})
    (each,) = shown["subscriptions"]
    assert (each["user_email"], each["not_ready_because"]) == ("user@example.com", "broker_login_missing")
    assert each["accounts"][0]["client_id"] == "ZEBU123"


def test_readiness_is_asked_for_a_moment_and_a_template(partner: Gateway) -> None:
    later = partner("GET /partner/readiness?at=2099-01-01T09:20:00%2B05:30&template_id=bsk_other").body

    assert (later["at"], later["count"]) == ("2099-01-01T03:50:00Z", 0)
    refused(partner("GET /partner/readiness?at=noon"), 400, "invalid_request")


def test_a_halt_shows_in_readiness(partner: Gateway) -> None:
    as_admin()("PUT /admin/halts/platform", {"reason": "exchange outage"})

    assert partner("GET /partner/readiness").body["reasons"] == {"halted": 1}
