"""What was opened is closed: by its own orders, whatever the user did since, and once."""

from collections import Counter

import pytest

from sandbox.client import Client
from tests.e2e.actors import Run, User, a_ready_user, a_template, completed, fire
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

    assert len(opened) == 4
    assert flat == {}
    assert first.body["closes"] == entry.run_id
    assert [order["side"] for order in first.orders(user)] == ["BUY", "BUY", "SELL", "SELL"]
    assert second.of(user)["skipped"] == "nothing_to_close"
    assert held(user) == {}
