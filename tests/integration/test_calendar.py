"""The calendar as an administrator reads it, with moto behind."""

from datetime import UTC, datetime, time

import pytest

from quantleap.domain.sessions import AlwaysOpen, TradingCalendar
from quantleap.runtime import wiring
from tests.builders import Clock, a_strategy
from tests.calls import Calls
from tests.integration.gateway import Gateway, as_admin, as_user
from tests.integration.test_api import BASKET, OFFER, refused

CALENDAR = "GET /admin/calendar"
SATURDAY = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


@pytest.fixture
def admin(deployed: object, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """On a Saturday, in a stage that keeps the exchange's hours."""
    monkeypatch.setattr(wiring, "clock", Clock(SATURDAY))
    monkeypatch.setattr(wiring, "calendar", TradingCalendar)
    return as_admin()


def test_the_next_fire_times_of_what_is_on_offer(admin: Gateway) -> None:
    template = admin("POST /options/baskets", BASKET).body["basket_id"]
    admin(f"POST /admin/marketplace/templates/{template}", OFFER)
    admin("POST /options/baskets", BASKET)

    with Calls(wiring.dynamodb()) as calls:
        shown = admin(CALENDAR)

    first, second, *_ = shown.body["fire_times"]
    assert (shown.status, shown.body["count"]) == (200, 30)
    assert first == {
        "at": "2026-11-23T03:50:00Z",
        "at_ist": "Mon 2026-11-23 09:20 IST",
        "kind": "entry",
        "template_id": template,
        "template_name": BASKET["name"],
        "template_version": 1,
        "strategies": [0],
    }
    assert (second["at_ist"], second["kind"]) == ("Mon 2026-11-23 15:15 IST", "exit")
    assert shown.body["sessions_end_on"] == "2026-12-31"
    assert "2026-12-31" in shown.body["warning"]
    assert calls.made == {"Query": 1}


def test_nothing_fires_while_nothing_is_on_offer(admin: Gateway) -> None:
    assert admin(CALENDAR).body["fire_times"] == []


def test_only_administrators_read_it(admin: Gateway) -> None:
    refused(as_user()(CALENDAR), 403, "admins_only")


def test_whoever_writes_or_offers_a_template_reads_which_brokers_close_before_it_leaves(
    admin: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = admin("POST /options/baskets", BASKET).body
    name = made["basket_id"]
    offered = admin(f"POST /admin/marketplace/templates/{name}", OFFER).body
    late = {"strategies": [a_strategy(exit_time=time(15, 25)).model_dump(mode="json")]}
    written = admin(f"PUT /options/baskets/{name}", late).body
    changed = admin(f"PUT /admin/marketplace/templates/{name}", {"difficulty_level": "BEGINNER"}).body

    assert made["warnings"] == offered["warnings"] != written["warnings"] == changed["warnings"]
    assert "upstox closes intraday positions itself from 15:12," in made["warnings"][0]
    assert "zerodha" not in made["warnings"][0]
    assert "zerodha closes intraday positions itself from 15:25;" in written["warnings"][0]
    monkeypatch.setattr(wiring, "calendar", AlwaysOpen)
    assert admin(f"PUT /admin/marketplace/templates/{name}", {"difficulty_level": "ADVANCED"}).body["warnings"] == []
