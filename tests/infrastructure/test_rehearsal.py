"""The rehearsal's schedule and role, and the alarm on the end of the calendar."""

from collections.abc import Mapping
from typing import Any

import pytest

from cdk_stack.constructs.rehearsals import METRIC
from quantleap.domain.sessions import LAST_DAY, TradingCalendar
from quantleap.handlers import rehearsal
from quantleap.runtime import engine, wiring
from quantleap.services import rehearsal as service
from tests.builders import NINE_TWENTY, Clock
from tests.infrastructure.template import Template, text
from tests.unit.test_rehearsal import CONTEXT


def test_looks_every_minute_of_the_market_and_says_which_one_was_meant(either: Template) -> None:
    schedule = either.schedule("rehearsal")

    assert schedule["ScheduleExpression"] == either.schedule("market-minutes")["ScheduleExpression"]
    assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert either.name_of(schedule["Target"]["Arn"]) == "rehearsal"
    assert schedule["Target"]["Input"] == '{"scheduled_at":"<aws.scheduler.scheduled-time>"}'


def test_reads_accounts_and_tokens_keeps_outlooks_and_reaches_no_plan(either: Template) -> None:
    statements = either.statements("rehearsal")
    objects = [
        text(resource)
        for each in statements
        if each.actions[0].startswith("s3:") and "s3:ListBucket" not in each.actions
        for resource in each.resources
    ]

    assert {action for each in statements for action in each.actions if action.startswith("secretsmanager:")} == {
        "secretsmanager:GetSecretValue",
        "secretsmanager:BatchGetSecretValue",
    }
    assert {name.partition("/")[2] for name in objects} == {"masters/*"}
    assert "dynamodb:DeleteItem" not in {action for each in statements for action in each.actions}


def test_an_alarm_hears_that_the_calendar_ends(either: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(rehearsal.logger, "error", lambda message, **_: said.append(message))
    monkeypatch.setattr(wiring, "clock", Clock(NINE_TWENTY))
    monkeypatch.setattr(wiring, "calendar", TradingCalendar)
    monkeypatch.setattr(engine, "stage", lambda: None)
    monkeypatch.setattr(service, "rehearse", lambda _stage, _boundary: [])

    rehearsal.handler({}, CONTEXT)

    (alarm,) = (a for a in either.properties("AWS::CloudWatch::Alarm") if a.get("MetricName") == METRIC)
    (heard,) = (f for f in either.properties("AWS::Logs::MetricFilter") if _metric(f)["MetricName"] == METRIC)
    assert (LAST_DAY - NINE_TWENTY.date()).days > 30
    assert heard["FilterPattern"] == f'{{ $.message = "{said[0]}" }}'
    assert _metric(heard)["MetricNamespace"] == alarm["Namespace"]
    assert text(heard["LogGroupName"]) == text(either.function("rehearsal")["LoggingConfig"]["LogGroup"])


def _metric(found: Mapping[str, Any]) -> Mapping[str, Any]:
    (transformation,) = found["MetricTransformations"]
    return dict(transformation)
