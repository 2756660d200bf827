"""The alarms on what costs one account its part of a run, and on damaged rows."""

import logging
from collections.abc import Callable

import pytest

from cdk_stack.constructs.faults import PLANNERS, READERS, TRADERS
from quantleap.adapters.items import readable
from quantleap.services.isolation import Spared
from quantleap.services.precision_timer import NOT_PLANNED
from tests.builders import a_ticket
from tests.infrastructure.template import Template, text


def account_faults() -> None:
    with Spared(a_ticket()):
        raise KeyError


def row_is_damaged() -> None:
    readable([{"user_id": "u", "sort_key": "s"}], lambda item: item["body"])


def run_is_not_planned() -> None:
    """By the words alone: what writes them stands on the whole store, see the integration tests."""
    logging.getLogger().error("%s: run: OSError", NOT_PLANNED)


@pytest.mark.parametrize(
    ("metric", "alarm", "happens", "writers"),
    [
        ("AccountsFaulted", "account-faulted", account_faults, TRADERS),
        ("RunsNotPlanned", "run-not-planned", run_is_not_planned, PLANNERS),
        ("RowsUnreadable", "row-unreadable", row_is_damaged, READERS),
    ],
)
def test_an_alarm_hears_the_line_of_the_log(
    either: Template,
    caplog: pytest.LogCaptureFixture,
    metric: str,
    alarm: str,
    happens: Callable[[], None],
    writers: tuple[str, ...],
) -> None:
    with caplog.at_level(logging.ERROR):
        happens()
    (said,) = caplog.messages
    filters = [
        found
        for found in either.properties("AWS::Logs::MetricFilter")
        if found["MetricTransformations"][0]["MetricName"] == metric
    ]
    (heard,) = (each for each in either.properties("AWS::CloudWatch::Alarm") if each.get("MetricName") == metric)

    (pattern,) = {found["FilterPattern"] for found in filters}
    assert pattern.strip('"') in said
    assert str(heard["AlarmName"]).endswith(alarm)
    assert {found["MetricTransformations"][0]["MetricNamespace"] for found in filters} == {heard["Namespace"]}
    assert {text(found["LogGroupName"]) for found in filters} == {
        text(either.function(name)["LoggingConfig"]["LogGroup"]) for name in writers
    }
