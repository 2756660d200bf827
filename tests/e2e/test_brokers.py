"""A day at every broker that is offered: linked, logged in, subscribed, entered and closed, all in one run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from quantleap.domain.broker_id import BROKER_IDS
from sandbox.client import as_partner
from sandbox.platform.aws import connect
from sandbox.platform.seed import create_partner_key
from tests.e2e.actors import Order, Run, User, a_template, completed, fire
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e


class Day(NamedTuple):
    """A user of each broker, the run that opened their positions, and the one that closed them."""

    users: Mapping[str, User]
    entry: Run
    leaving: Run


@pytest.fixture(scope="module")
def day(platform: Platform) -> Day:
    template_id = a_template(platform, product="CARRY")  # what every broker offers to algorithms
    with ThreadPoolExecutor() as pool:
        users = dict(zip(BROKER_IDS, pool.map(lambda name: a_user_of(platform, name), BROKER_IDS), strict=True))
    look_after_lists(platform)
    for user in users.values():
        user.subscribe(template_id)
    partner = platform.partner()
    entry = completed(partner, fire(partner, template_id))
    return Day(users, entry, completed(partner, fire(partner, template_id, kind="exit")))


def a_user_of(platform: Platform, broker_id: str) -> User:
    """Somebody who logged in at the broker, through a key that was issued for it."""
    key = create_partner_key(platform.admin(), broker_id=broker_id)
    user = User(platform, as_partner(platform.record.base_url, key), broker_id)
    user.link().expect(201)
    user.log_in()
    return user


def look_after_lists(platform: Platform) -> None:
    """What the schedule does in the morning: one broker shows its list to those who logged in only."""
    functions = connect(platform.record.aws_endpoint_url).functions
    names = [each["FunctionName"] for each in functions.list_functions(MaxItems=100)["Functions"]]
    [name] = [name for name in names if name.endswith("-instrument-masters")]
    functions.invoke(FunctionName=name, Payload=b"{}")


def test_the_brokers_that_are_offered_are_those_that_are_traded_here(platform: Platform) -> None:
    offered = platform.partner().get("/partner/brokers").expect(200)["brokers"]

    assert [broker["broker_name"] for broker in offered] == list(BROKER_IDS)


@pytest.mark.parametrize("broker_id", BROKER_IDS)
def test_a_user_enters_and_leaves_at_the_broker(day: Day, broker_id: str) -> None:
    user = day.users[broker_id]
    entered = day.entry.orders(user)
    assert [order["state"] for order in entered] == ["filled"] * 4, day.entry.of(user)

    left, booked = day.leaving.orders(user), user.booked()
    assert [order["state"] for order in left] == ["filled"] * 4, day.leaving.of(user)
    assert {order["broker"] for order in booked} == {broker_id}
    assert [order["side"] for order in booked] == ["BUY", "BUY", "SELL", "SELL"] * 2
    assert Counter(order["tag"] for order in booked) == Counter(order["tag"] for order in [*entered, *left])
    assert set(held(booked).values()) == {0}


def held(booked: Sequence[Order]) -> Counter[str]:
    units: Counter[str] = Counter()
    for order in booked:
        units[order["symbol"]] += order["filled"] * (1 if order["side"] == "BUY" else -1)
    return units
