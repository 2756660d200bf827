"""The mornings' look at brokers' lists, and what is made of its findings."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.contracts import Index
from quantleap.domain.instruments import Doubt, Finding, Flaw, Term
from quantleap.runtime import engine
from tests.infrastructure.template import Template, text

DAY = date(2026, 11, 23)
FINDINGS = {
    "InstrumentMastersRefused": Finding("zebu", DAY, Flaw.EMPTY, "0 contracts", stands_in=True),
    "InstrumentMastersDifferentTerms": Finding(
        "zebu", DAY, None, "", stands_in=False, doubts=(Doubt(Index.NIFTY, DAY, Term.LOT_SIZE, Decimal(75)),)
    ),
}


def test_looks_from_0835_in_india_on_every_ten_minutes_for_two_hours(either: Template) -> None:
    schedule = either.schedule("instrument-masters")

    assert schedule["ScheduleExpression"] == "cron(5/10 3-4 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"
    assert either.name_of(schedule["Target"]["Arn"]) == "instrument-masters"


def test_reads_and_writes_lists_of_contracts_but_no_plans(either: Template) -> None:
    reached = [each for each in either.statements("instrument-masters") if each.actions[0].startswith("s3:")]
    objects = [resource for each in reached if "s3:ListBucket" not in each.actions for resource in each.resources]

    assert {action for each in reached for action in each.actions} == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert [name.partition("/")[2] for name in objects] == ["masters/*"]


def test_finds_accounts_and_marks_those_whose_login_is_dead_but_deletes_nothing(either: Template) -> None:
    actions = {action for each in either.statements("instrument-masters") for action in each.actions}

    used = {"BatchGetItem", "Query", "PutItem", "UpdateItem"}
    assert {a for a in actions if a.startswith("dynamodb:")} == {f"dynamodb:{action}" for action in used}


@pytest.mark.parametrize("metric", FINDINGS)
def test_an_alarm_hears_what_either_function_writes(
    either: Template, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(engine.logger, "error", lambda message, **_: said.append(message))
    engine.tell(FINDINGS[metric])
    filters = [f for f in either.properties("AWS::Logs::MetricFilter") if _metric(f) == metric]
    (alarm,) = (a for a in either.properties("AWS::CloudWatch::Alarm") if a.get("MetricName") == metric)

    assert {f["FilterPattern"] for f in filters} == {f'{{ $.message = "{said[0]}" }}'}
    assert {f["MetricTransformations"][0]["MetricNamespace"] for f in filters} == {alarm["Namespace"]}
    assert {text(f["LogGroupName"]) for f in filters} == {
        text(either.function(name)["LoggingConfig"]["LogGroup"])
        for name in ("instrument-masters", "precision-timer-decide", "rehearsal")
    }


def _metric(found: Any) -> str:
    return str(found["MetricTransformations"][0]["MetricName"])
