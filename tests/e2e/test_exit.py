"""What was opened is closed: by its own orders, whatever the user did since, and once."""

import time
from collections import Counter

import pytest

from sandbox.client import Client
from sandbox.platform.templates import LONG_STRADDLE
from tests.e2e.actors import PATIENCE_S, Run, User, a_ready_user, a_template, completed, fire
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e


def held(user: User) -> Counter[str]:
    """Units by symbol that the broker's book leaves the account with, flat ones absent."""
    units: Counter[str] = Counter()
    for order in user.booked():
        units[order["symbol"]] += order["filled"] * (1 if order["side"] == "BUY" else -1)
    return Counter({symbol: number for symbol, number in units.items() if number})


def leave(partner: Client, template_id: str) -> Run:
    return completed(partner, fire(partner, template_id, kind="exit"))


def test_an_exit_closes_a_paused_users_position_once_and_buys_back_first(platform: Platform) -> None:
    template_id, user = a_template(platform), a_ready_user(platform)
    subscription_id = user.subscribe(template_id, lot_multiplier=2)
    user.partner.post("/partner/sandbox/executions", {"template_id": template_id, "kind": "exit"}).expect(409)
    entry = completed(user.partner, fire(user.partner, template_id))
    opened = held(user)
    user.pause(subscription_id)

    first = leave(user.partner, template_id)
    flat = held(user)
    second = leave(user.partner, template_id)

    assert len(opened) == 4, entry.of(user)
    assert flat == {}
    assert first.body["closes"] == entry.run_id
    assert [order["side"] for order in first.orders(user)] == ["BUY", "BUY", "SELL", "SELL"]
    assert second.of(user)["skipped"] == "nothing_to_close"
    assert held(user) == {}


def test_a_halt_that_squares_off_closes_what_the_day_opened_for_whom_it_covers(platform: Platform) -> None:
    template_id, user, other = a_template(platform), a_ready_user(platform), a_ready_user(platform)
    user.subscribe(template_id)
    other.subscribe(template_id)
    entry = completed(user.partner, fire(user.partner, template_id))
    scope = f"user:{entry.of(user)['user_id']}"

    platform.admin().put(f"/admin/halts/{scope}", {"reason": "asked for by the user", "square_off": True}).expect(200)
    until_flat(user)
    halted = completed(user.partner, fire(user.partner, template_id))
    platform.admin().delete(f"/admin/halts/{scope}").expect(200)

    assert held(user) == {}
    assert halted.of(user)["skipped"] == "halted"
    assert len(held(other)) == 4, "another user's position is left alone, and the second entry adds to it"


def test_a_position_left_half_is_closed_by_itself_where_its_rule_says_so(platform: Platform) -> None:
    template_id, user = a_template(platform, LONG_STRADDLE, on_incomplete="unwind"), a_ready_user(platform)
    user.subscribe(template_id)
    user.broker.put(
        "/control/behaviour", {"reject": {"insufficient_funds": {"client_id": user.client_id, "count": 1}}}
    ).expect(200)

    entry = completed(user.partner, fire(user.partner, template_id))
    until_flat(user)

    assert [order["state"] for order in entry.orders(user)] in (["rejected", "filled"], ["refused", "filled"])
    assert entry.body["report"]["incomplete"] == 1
    assert [order["side"] for order in user.booked() if order["filled"]] == ["BUY", "SELL"]


def test_what_an_exit_left_open_is_tried_again_by_itself(platform: Platform) -> None:
    template_id, user = a_template(platform, LONG_STRADDLE), a_ready_user(platform)
    user.subscribe(template_id)
    completed(user.partner, fire(user.partner, template_id))
    user.broker.put(
        "/control/behaviour", {"reject": {"insufficient_funds": {"client_id": user.client_id, "count": 1}}}
    ).expect(200)

    first = leave(user.partner, template_id)
    until_flat(user)

    assert first.body["report"]["incomplete"] == 1
    assert [order["side"] for order in user.booked() if order["filled"]] == ["BUY", "BUY", "SELL", "SELL"]


def until_flat(user: User) -> None:
    patience = time.monotonic() + PATIENCE_S
    while held(user):
        assert time.monotonic() < patience, "the position was not closed"
        time.sleep(0.3)
