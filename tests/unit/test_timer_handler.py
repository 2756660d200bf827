"""The first step's function: which boundary a start serves."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

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


def test_an_execution_of_some_runs_writes_over_no_list_of_more(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def write_items(name: str, _items: object) -> tuple[str, str]:
        names.append(name)
        return "bucket", name

    plans = SimpleNamespace(write_items=write_items)
    monkeypatch.setattr(engine, "timer", lambda: SimpleNamespace(plans=plans))
    monkeypatch.setattr(engine, "warm_lead", lambda: timedelta(seconds=30))
    one = a_plan()
    other = one.model_copy(update={"plan_id": "other"})

    for made in ([one, other], [one], [one, other]):
        monkeypatch.setattr(service, "plan", lambda _timer, _dues, made=made: made)
        precision_timer.plan({"boundary": NINE_TWENTY.isoformat(), "runs": []}, CONTEXT)

    assert names[0] == names[2] != names[1]
