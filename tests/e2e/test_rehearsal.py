"""Half an hour before: who is ready, by the brokers' own word; and strikes named by every rule, bought and sold."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from quantleap.domain.basket import Day
from quantleap.domain.clock import IST
from sandbox.platform.aws import connect
from tests.e2e.actors import a_ready_user, a_template, completed, fire
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

BY_EVERY_RULE = [
    {"side": "SELL", "right": "CE", "strike": {"rule": "DELTA", "delta": 0.3}},
    {"side": "BUY", "right": "CE", "strike": {"rule": "PERCENT", "percent": 4}},
    {"side": "SELL", "right": "PE", "strike": {"rule": "PREMIUM", "premium": 60}},
    {"side": "BUY", "right": "PE", "strike": {"rule": "ATM", "offset": -30}},
    {"side": "BUY", "right": "CE", "strike": {"rule": "FIXED", "strike": 28000}},
]


def rehearse(platform: Platform, boundary: datetime) -> Any:
    """Start the function as its schedule does."""
    functions = connect(platform.record.aws_endpoint_url).functions
    event = {"scheduled_at": (boundary - timedelta(minutes=30)).isoformat()}
    answer: Any = functions.invoke(FunctionName="quantleap-dev-rehearsal", Payload=json.dumps(event).encode())
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, body
    return json.loads(body)


def test_a_rehearsal_counts_who_is_ready_and_names_whose_money_would_not_do(platform: Platform) -> None:
    boundary = datetime.now(IST).replace(hour=15, minute=0, second=0, microsecond=0)
    template_id = a_template(platform, entry_time="15:00", exit_time="15:20", days=list(Day))
    rich, poor = a_ready_user(platform), a_ready_user(platform)
    rich.subscribe(template_id)
    poor.subscribe(template_id, lot_multiplier=5)

    ran = rehearse(platform, boundary)

    at = boundary.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = rich.partner.get("/partner/readiness", at=at, template_id=template_id).expect(200)
    (rehearsed,) = shown["rehearsals"]
    assert rehearsed["run_id"] in ran["runs"]
    assert (rehearsed["count"], rehearsed["ready"], rehearsed["reasons"]) == (2, 1, {"margin_short": 1})
    assert {each["user_email"]: each["not_ready_because"] for each in shown["subscriptions"]} == {
        rich.email: None,
        poor.email: "margin_short",
    }


def test_strikes_of_every_rule_are_traded(platform: Platform) -> None:
    template_id, user = a_template(platform, legs=BY_EVERY_RULE), a_ready_user(platform)
    user.subscribe(template_id)

    run = completed(user.partner, fire(user.partner, template_id))

    orders = run.orders(user)
    assert run.of(user)["skipped"] is None
    assert [order["state"] for order in orders] == ["filled"] * 5
    assert {order["symbol"][-5:] for order in orders if order["leg"] == 4} == {"28000"}
    assert [order["side"] for order in orders] == ["BUY", "BUY", "BUY", "SELL", "SELL"]
