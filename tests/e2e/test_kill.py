"""The executor is killed in the middle of a run, at several points; the state machine tries again.

Whatever happens, the broker ends with exactly one order for each intent.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from sandbox.platform.aws import ACCOUNT, REGION
from tests.e2e.actors import PATIENCE_S, Run, User, a_ready_user, a_template, completed, fire
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

EXECUTOR = "strategy-executor"
ANSWER_MS = 400
"""Slow answers make the middle of a run wide enough to hit."""

type Moment = Callable[[Run, User], bool]


def before_the_boundary(lead: timedelta) -> Moment:
    return lambda run, _: datetime.now(UTC) >= run.boundary - lead


def with_orders_at_the_broker(count: int) -> Moment:
    return lambda _, user: len(user.booked()) >= count


@pytest.fixture
def slow_broker(platform: Platform) -> Iterator[None]:
    broker = platform.broker()
    broker.put("/control/behaviour", {"latency_ms": ANSWER_MS}).expect(200)
    yield
    broker.put("/control/behaviour", {"latency_ms": 0}).expect(200)


def kill_the_executor(platform: Platform, when: Callable[[], bool]) -> int:
    """Wait for the moment, kill, and return how many workers there were."""
    patience = time.monotonic() + PATIENCE_S
    while not when():
        assert time.monotonic() < patience, "the moment to kill never came"
        time.sleep(0.01)
    workers = platform.workers(EXECUTOR)
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    return len(workers)


def attempts(platform: Platform, run: Run) -> list[int]:
    """The attempts at the run's shard that lived to log their end, from 0."""
    logs = boto3.client(
        "logs",
        endpoint_url=platform.record.aws_endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
    )
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/quantleap-dev-{EXECUTOR}")["events"]
    lines = [json.loads(event["message"]) for event in events if run.run_id in event["message"]]
    return sorted(line["attempt"] for line in lines if line["message"] == "shard done")


@pytest.mark.usefixtures("slow_broker")
@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(before_the_boundary(timedelta(seconds=4)), id="while it warms up"),
        pytest.param(before_the_boundary(timedelta(milliseconds=300)), id="just before the boundary"),
        pytest.param(with_orders_at_the_broker(1), id="after the first order"),
        pytest.param(with_orders_at_the_broker(2), id="between hedges and sells"),
        pytest.param(with_orders_at_the_broker(3), id="amid the sells"),
    ],
)
def test_a_killed_executor_leaves_one_order_per_intent(platform: Platform, moment: Moment) -> None:
    user, template_id = a_ready_user(platform), a_template(platform)
    user.subscribe(template_id)
    run = fire(user.partner, template_id)

    assert kill_the_executor(platform, lambda: moment(run, user))
    orders = completed(user.partner, run).orders(user)

    assert attempts(platform, run)[-1] > 0
    assert Counter(order["tag"] for order in user.booked()) == Counter(order["tag"] for order in orders)
    assert [order["side"] for order in user.booked()] == ["BUY", "BUY", "SELL", "SELL"]
    assert {order["state"] for order in orders} <= {"acknowledged", "filled", "open"}
    assert all(datetime.fromisoformat(order["arrived_at"]) >= run.boundary for order in user.booked())
    assert {order["order_id"] for order in orders} == {order["order_id"] for order in user.booked()}
