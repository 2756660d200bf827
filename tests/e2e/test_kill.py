"""The executor is killed in the middle of a run, at several points; the state machine tries again.

Whatever happens, the broker ends with exactly one order for each intent.
"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from sandbox.platform.aws import connect
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


MOMENTS: Mapping[str, Moment] = {
    "while it warms up": before_the_boundary(timedelta(seconds=4)),
    "just before the boundary": before_the_boundary(timedelta(milliseconds=300)),
    "after the first order": with_orders_at_the_broker(1),
    "between hedges and sells": with_orders_at_the_broker(2),
    "amid the sells": with_orders_at_the_broker(3),
}


class Killed(NamedTuple):
    """A run whose executor was killed, and which ended all the same."""

    user: User
    run: Run
    attempts: list[int]


@pytest.fixture(scope="module")
def slow_broker(platform: Platform) -> Iterator[None]:
    broker = platform.broker()
    broker.put("/control/behaviour", {"latency_ms": ANSWER_MS}).expect(200)
    yield
    broker.put("/control/behaviour", {"latency_ms": 0}).expect(200)


@pytest.fixture(scope="module")
def killed(platform: Platform, slow_broker: None) -> Mapping[str, Killed]:
    """One run for each moment, one after the other, so that no kill hits a worker that recovers another run."""
    template_ids = {name: a_template(platform) for name in MOMENTS}
    users = {name: a_ready_user(platform) for name in MOMENTS}
    for name, user in users.items():
        user.subscribe(template_ids[name])
    cases: dict[str, Killed] = {}
    for name, moment in MOMENTS.items():
        begun = _begin_and_kill(platform, users[name], template_ids[name], moment)
        ended = completed(users[name].partner, begun)
        cases[name] = Killed(users[name], ended, _attempts(platform, ended))
    return cases


def _begin_and_kill(platform: Platform, user: User, template_id: str, moment: Moment) -> Run:
    run = fire(user.partner, template_id)
    patience = time.monotonic() + PATIENCE_S
    while not moment(run, user):
        assert time.monotonic() < patience, "the moment to kill never came"
        time.sleep(0.01)
    for worker in platform.workers(EXECUTOR):
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    return run


def _attempts(platform: Platform, run: Run) -> list[int]:
    """The attempts at the run's shard that lived to log their end, from 0."""
    logs = connect(platform.record.aws_endpoint_url).logs
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/quantleap-dev-{EXECUTOR}")["events"]
    lines = [json.loads(event["message"]) for event in events if run.run_id in event["message"]]
    return sorted(line["attempt"] for line in lines if line["message"] == "shard done")


@pytest.fixture(params=MOMENTS)
def case(killed: Mapping[str, Killed], request: pytest.FixtureRequest) -> Killed:
    return killed[request.param]


def test_a_killed_executor_is_started_again(case: Killed) -> None:
    assert len(case.attempts) == 1
    assert case.attempts[0] > 0


def test_a_killed_executor_leaves_one_order_for_each_intent(case: Killed) -> None:
    tags = Counter(order["tag"] for order in case.run.orders(case.user))
    assert len(tags) == 4
    assert Counter(order["tag"] for order in case.user.booked()) == tags


def test_a_killed_executor_leaves_hedges_before_sells_and_none_too_early(case: Killed) -> None:
    assert [order["side"] for order in case.user.booked()] == ["BUY", "BUY", "SELL", "SELL"]
    assert all(datetime.fromisoformat(order["arrived_at"]) >= case.run.boundary for order in case.user.booked())


def test_a_killed_executor_leaves_a_run_that_reads_complete(case: Killed) -> None:
    orders = case.run.orders(case.user)
    assert {order["state"] for order in orders} <= {"acknowledged", "filled", "open"}
    assert {order["order_id"] for order in orders} == {order["order_id"] for order in case.user.booked()}
