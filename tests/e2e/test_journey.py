"""One boundary, as seven users meet it: who trades, who is skipped and why, and what the broker saw."""

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from sandbox.platform.aws import connect
from tests.e2e.actors import Run, User, a_linked_user, a_ready_user, a_template, another_partner, completed, fire
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

PLACED = {"acknowledged", "filled", "open"}


class Day(NamedTuple):
    """The users of a template, and the run that they went through."""

    template_id: str
    double: User
    single: User
    paused: User
    resumed: User
    logged_out: User
    expired: User
    dead: User
    run: Run


@pytest.fixture(scope="module")
def day(platform: Platform) -> Day:
    template_id = a_template(platform)
    double, single, paused, resumed, expired, dead = (a_ready_user(platform) for _ in range(6))
    logged_out = a_linked_user(platform)
    double.subscribe(template_id, lot_multiplier=2)
    for user in (single, logged_out, expired, dead):
        user.subscribe(template_id)
    paused.pause(paused.subscribe(template_id))
    subscription_id = resumed.subscribe(template_id)
    resumed.pause(subscription_id)
    resumed.partner.put(f"/partner/subscriptions/{subscription_id}/resume").expect(200)
    _let_the_token_expire(platform, expired)
    dead.broker.post("/control/sessions/expire", {"client_id": dead.client_id}).expect(200)
    run = completed(double.partner, fire(double.partner, template_id))
    return Day(template_id, double, single, paused, resumed, logged_out, expired, dead, run)


def _let_the_token_expire(platform: Platform, user: User) -> None:
    """Time passes: what the broker said of the token's end now lies in the past."""
    table = connect(platform.record.aws_endpoint_url).dynamodb
    name = table.list_tables()["TableNames"][0]
    account = user.partner.get(f"/partner/broker-accounts/{user.client_id}").expect(200)["broker_account"]
    rows = table.query(
        TableName=name,
        KeyConditionExpression="user_id = :user",
        ExpressionAttributeValues={":user": {"S": account["user_id"]}},
    )["Items"]
    row = next(row for row in rows if "token_expires_at" in row)
    table.update_item(
        TableName=name,
        Key={"user_id": row["user_id"], "sort_key": row["sort_key"]},
        UpdateExpression="SET token_expires_at = :past",
        ExpressionAttributeValues={":past": {"S": "2026-01-01T00:00:00+00:00"}},
    )


def test_every_leg_of_a_ready_user_is_placed(day: Day) -> None:
    for user in (day.double, day.single, day.resumed):
        assert {order["leg"] for order in day.run.orders(user)} == {0, 1, 2, 3}
        assert {order["state"] for order in day.run.orders(user)} <= PLACED


def test_quantities_are_lots_times_multiplier_times_lot_size(day: Day) -> None:
    for user, multiplier in ((day.double, 2), (day.single, 1)):
        booked = {order["tag"]: order for order in user.booked()}
        for order in day.run.orders(user):
            assert order["quantity"] == multiplier * booked[order["tag"]]["lot_size"]


def test_limit_prices_lie_on_the_tick(day: Day) -> None:
    booked = {order["tag"]: order for order in day.double.booked()}
    for order in day.run.orders(day.double):
        price = Decimal(str(order["limit_price"]))
        assert price > 0
        assert price % Decimal(booked[order["tag"]]["tick"]) == 0


def test_hedges_reach_the_broker_before_sells(day: Day) -> None:
    for user in (day.double, day.single, day.resumed):
        assert [order["side"] for order in user.booked()] == ["BUY", "BUY", "SELL", "SELL"]


def test_the_brokers_book_holds_what_the_run_says_once(day: Day) -> None:
    for user in (day.double, day.single, day.resumed):
        booked = {order["tag"]: order for order in user.booked()}
        assert Counter(order["tag"] for order in user.booked()) == Counter(
            order["tag"] for order in day.run.orders(user)
        )
        for order in day.run.orders(user):
            seen = booked[order["tag"]]
            assert (seen["order_id"], seen["symbol"], seen["side"], seen["quantity"]) == (
                order["order_id"],
                order["symbol"],
                order["side"],
                order["quantity"],
            )
            assert Decimal(seen["price"]) == Decimal(str(order["limit_price"]))


def test_tags_are_unique_across_users(day: Day) -> None:
    tags = Counter(order["tag"] for part in day.run.body["subscriptions"] for order in part["orders"])
    assert set(tags.values()) == {1}


def test_nothing_is_sent_before_the_boundary(day: Day) -> None:
    for user in (day.double, day.single, day.resumed):
        assert all(order["sent_after_ms"] >= 0 for order in day.run.orders(user))
        assert all(datetime.fromisoformat(order["arrived_at"]) >= day.run.boundary for order in user.booked())


def test_answers_come_after_what_they_answer(day: Day) -> None:
    for order in day.run.orders(day.double):
        assert order["acknowledged_after_ms"] >= order["sent_after_ms"]


def test_the_report_holds_the_boundary_error_and_adds_up(day: Day) -> None:
    report = day.run.body["report"]
    assert report["boundary_error_ms"] >= 0
    assert report["seats"] == 7
    assert sum(report["counts"].values()) == sum(len(part["orders"]) for part in day.run.body["subscriptions"])


def test_a_paused_subscription_is_skipped_and_says_why(day: Day) -> None:
    assert day.run.of(day.paused)["skipped"] == "subscription_paused"
    assert day.paused.booked() == []


def test_a_user_who_never_logged_in_is_skipped_and_says_why(day: Day) -> None:
    assert day.run.of(day.logged_out)["skipped"] == "broker_login_missing"
    assert day.logged_out.booked() == []


def test_a_user_whose_token_expired_is_skipped_and_says_why(day: Day) -> None:
    assert day.run.of(day.expired)["skipped"] == "broker_token_expired"
    assert day.expired.booked() == []


def test_a_login_that_the_broker_ended_places_nothing_and_says_why(day: Day) -> None:
    part = day.run.of(day.dead)
    reasons = {part["skipped"]} if part["skipped"] else {order["reason"] for order in part["orders"]}
    assert "session_expired" in reasons
    assert not {order["state"] for order in part["orders"]} & PLACED
    assert day.dead.booked() == []


def test_the_run_is_listed_to_its_partner(day: Day) -> None:
    runs = day.double.partner.get("/partner/executions").expect(200)["executions"]
    assert day.run.run_id in {run["run_id"] for run in runs}


def test_another_partner_does_not_find_the_run(platform: Platform, day: Day) -> None:
    other = another_partner(platform)
    assert other.get(f"/partner/executions/{day.run.run_id}").status == 404
    assert other.get("/partner/executions").expect(200)["executions"] == []


def test_the_template_counts_its_subscribers(day: Day) -> None:
    template = day.double.partner.get(f"/partner/marketplace/templates/{day.template_id}").expect(200)
    assert template["subscriber_count"] == 7
