"""The first step's function: which boundary a start serves."""

import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from quantleap.domain.execution import Decision
from quantleap.handlers import precision_timer
from quantleap.runtime import engine
from quantleap.services import precision_timer as service
from tests.builders import NINE_TWENTY, a_plan
from tests.unit.test_rehearsal import CONTEXT

STARTED = "2026-11-23T03:48:07.123Z"


@pytest.fixture(autouse=True)
def nothing_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "timer", SimpleNamespace)
    monkeypatch.setattr(service, "due", lambda _timer, _boundary: [])


@pytest.mark.parametrize(
    ("request_", "started"),
    [
        ({"scheduled_at": "2026-11-23T03:48:00Z"}, STARTED),
        ({"scheduled_at": "2026-11-23T03:48:00Z"}, "2026-11-23T03:49:01.500Z"),
        ({"scheduled_at": "<aws.scheduler.scheduled-time>"}, STARTED),
        ({}, STARTED),
    ],
)
def test_a_start_that_comes_late_serves_the_minute_that_was_meant(request_: dict[str, Any], started: str) -> None:
    answer = precision_timer.due({"started_at": started, "request": request_}, CONTEXT)

    assert datetime.fromisoformat(answer["boundary"]) == NINE_TWENTY
    assert answer["status"] == "nothing_due"


def test_what_a_step_hands_on_stays_small_however_many_runs_a_minute_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state of the machine may hold 256 KB."""
    crowd = [a_plan(run_id=_run(number)) for number in range(3000)]
    store = Lists()
    over = SimpleNamespace(plans=store, runs=SimpleNamespace(plan={made.due.run_id: made for made in crowd}.get))
    monkeypatch.setattr(engine, "timer", lambda: over)
    monkeypatch.setattr(engine, "warm_lead", lambda: timedelta(seconds=30))
    monkeypatch.setattr(service, "due", lambda *_: [made.due for made in crowd])
    monkeypatch.setattr(service, "plan", lambda _timer, dues: [a_plan(run_id=due.run_id) for due in dues])
    monkeypatch.setattr(service, "decide", lambda _timer, plans: [Decision(run_id="run", decided_at=NINE_TWENTY)])

    due = precision_timer.due({"started_at": STARTED}, CONTEXT)
    planned = precision_timer.plan(due, CONTEXT)
    decided = precision_timer.decide(planned, CONTEXT)

    assert {len(json.dumps(each)) < 1000 for each in (due, planned, decided)} == {True}
    assert len(store.read_list(planned["key"])) == len(store.read_list(planned["runs"])) == 3000


def _run(number: int) -> str:
    return f"run_20261123T092000_entry_bsk_{number:016}_v1"


class Lists:
    """Lists as the bucket keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def write_list(self, items: list[dict[str, Any]]) -> tuple[str, str]:
        key = f"list {len(self.kept)}"
        self.kept[key] = json.loads(json.dumps(items))
        return "bucket", key

    def read_list(self, key: str) -> Any:
        return self.kept[key]
