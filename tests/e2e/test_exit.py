"""What was opened is closed: by its own orders, whatever the user did since, and once.

The stories wait for their boundaries side by side; the tests read what became of each.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import pytest

from sandbox.client import Client
from sandbox.platform.templates import LONG_STRADDLE
from tests.e2e.actors import PATIENCE_S, Order, Run, User, a_ready_user, a_template, completed, fire
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


def until_flat(user: User) -> None:
    patience = time.monotonic() + PATIENCE_S
    while held(user):
        assert time.monotonic() < patience, "the position was not closed"
        time.sleep(0.3)


class Paused(NamedTuple):
    """A user who paused with a position, which is closed twice."""

    user: User
    entry: Run
    opened: Counter[str]
    first: Run
    flat: Counter[str]
    second: Run


def pause_and_leave(platform: Platform) -> Paused:
    template_id, user = a_template(platform), a_ready_user(platform)
    subscription_id = user.subscribe(template_id, lot_multiplier=2)
    user.partner.post("/partner/sandbox/executions", {"template_id": template_id, "kind": "exit"}).expect(409)
    entry = completed(user.partner, fire(user.partner, template_id))
    opened = held(user)
    user.pause(subscription_id)
    first = leave(user.partner, template_id)
    return Paused(user, entry, opened, first, held(user), leave(user.partner, template_id))


class Halted(NamedTuple):
    """A user for whom trading stops with a position open, and one who stays."""

    user: User
    other: User
    later: Run


def halt_and_square_off(platform: Platform) -> Halted:
    template_id, user, other = a_template(platform), a_ready_user(platform), a_ready_user(platform)
    user.subscribe(template_id)
    other.subscribe(template_id)
    entry = completed(user.partner, fire(user.partner, template_id))
    scope = f"user:{entry.of(user)['user_id']}"
    platform.admin().put(f"/admin/halts/{scope}", {"reason": "asked for by the user", "square_off": True}).expect(200)
    until_flat(user)
    later = completed(user.partner, fire(user.partner, template_id))
    platform.admin().delete(f"/admin/halts/{scope}").expect(200)
    return Halted(user, other, later)


class Closed(NamedTuple):
    """A run that left something, and the broker's book once it was closed by itself."""

    run: Run
    user: User
    filled: list[Order]


def let_one_order_fail(user: User) -> None:
    refused = {"reject": {"insufficient_funds": {"client_id": user.client_id, "count": 1}}}
    user.broker.put("/control/behaviour", refused).expect(200)


def enter_half(platform: Platform) -> Closed:
    template_id, user = a_template(platform, LONG_STRADDLE, on_incomplete="unwind"), a_ready_user(platform)
    user.subscribe(template_id)
    let_one_order_fail(user)
    entry = completed(user.partner, fire(user.partner, template_id))
    until_flat(user)
    return Closed(entry, user, [order for order in user.booked() if order["filled"]])


def leave_half(platform: Platform) -> Closed:
    template_id, user = a_template(platform, LONG_STRADDLE), a_ready_user(platform)
    user.subscribe(template_id)
    completed(user.partner, fire(user.partner, template_id))
    let_one_order_fail(user)
    left = leave(user.partner, template_id)
    until_flat(user)
    return Closed(left, user, [order for order in user.booked() if order["filled"]])


class Stories(NamedTuple):
    """Each as far as it has come; those in which the broker refuses follow one another, for it is told once whom."""

    paused: Future[Paused]
    halted: Future[Halted]
    halves: Future[tuple[Closed, Closed]]


@pytest.fixture(scope="module")
def stories(platform: Platform) -> Iterator[Stories]:
    with ThreadPoolExecutor() as pool:
        yield Stories(
            pool.submit(pause_and_leave, platform),
            pool.submit(halt_and_square_off, platform),
            pool.submit(lambda: (enter_half(platform), leave_half(platform))),
        )


def test_an_exit_closes_a_paused_users_position_once_and_buys_back_first(stories: Stories) -> None:
    told = stories.paused.result()

    assert len(told.opened) == 4, told.entry.of(told.user)
    assert told.flat == {}
    assert told.first.body["closes"] == told.entry.run_id
    assert [order["side"] for order in told.first.orders(told.user)] == ["BUY", "BUY", "SELL", "SELL"]
    assert told.second.of(told.user)["skipped"] == "nothing_to_close"
    assert held(told.user) == {}


def test_a_halt_that_squares_off_closes_what_the_day_opened_for_whom_it_covers(stories: Stories) -> None:
    told = stories.halted.result()

    assert held(told.user) == {}
    assert told.later.of(told.user)["skipped"] == "halted"
    assert len(held(told.other)) == 4, "another user's position is left alone, and the second entry adds to it"


def test_a_position_left_half_is_closed_by_itself_where_its_rule_says_so(stories: Stories) -> None:
    told, _ = stories.halves.result()

    assert [order["state"] for order in told.run.orders(told.user)] in (["rejected", "filled"], ["refused", "filled"])
    assert told.run.body["report"]["incomplete"] == 1
    assert [order["side"] for order in told.filled] == ["BUY", "SELL"]


def test_what_an_exit_left_open_is_tried_again_by_itself(stories: Stories) -> None:
    _, told = stories.halves.result()

    assert told.run.body["report"]["incomplete"] == 1
    assert [order["side"] for order in told.filled] == ["BUY", "BUY", "SELL", "SELL"]
