"""How events come from the table to the bus."""

import json
from typing import Any

import pytest

from tests.infrastructure.template import Properties, Template, text


@pytest.fixture
def feed(either: Template) -> Properties:
    return either.only("AWS::Lambda::EventSourceMapping")


def test_the_tables_stream_feeds_the_relay_from_its_beginning(either: Template, feed: Properties) -> None:
    (table,) = (key for key, each in either.resources.items() if each["Type"] == "AWS::DynamoDB::GlobalTable")

    assert text(feed["EventSourceArn"]) == f"${{{table}.StreamArn}}"
    assert either.name_of(feed["FunctionName"]) == "event-relay"
    assert feed["StartingPosition"] == "TRIM_HORIZON"


def test_only_new_events_are_let_through(feed: Properties) -> None:
    (only,) = feed["FilterCriteria"]["Filters"]

    assert json.loads(only["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {"NewImage": {"entity_type": {"S": ["EVENT"]}}},
    }


def test_what_fails_comes_again_until_shortly_before_the_stream_forgets_it(feed: Properties) -> None:
    assert feed["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert feed["BisectBatchOnFunctionError"] is True
    assert feed["MaximumRecordAgeInSeconds"] == 23 * 3600
    assert "MaximumRetryAttempts" not in feed


def test_what_is_given_up_is_noted_in_a_queue_that_keeps_it_for_two_weeks(either: Template, feed: Properties) -> None:
    queue = _undelivered(either)

    assert text(feed["DestinationConfig"]["OnFailure"]["Destination"]) == f"${{{queue}.Arn}}"
    assert either.resources[queue]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_somebody_is_woken_for_an_event_that_waits_five_minutes_or_was_given_up(either: Template) -> None:
    alarms: dict[str, Any] = {
        a["MetricName"]: a for a in either.properties("AWS::CloudWatch::Alarm") if "MetricName" in a
    }
    (waiting,) = (a for a in either.properties("AWS::CloudWatch::Alarm") if "not-delivered" in str(a["AlarmName"]))

    assert (alarms["IteratorAge"]["Threshold"], alarms["IteratorAge"]["Statistic"]) == (300_000, "Maximum")
    assert waiting["Threshold"] == 1
    assert text(waiting["Dimensions"][0]["Value"]) == f"${{{_undelivered(either)}.QueueName}}"


def test_the_bus_is_named_after_its_stage(either: Template) -> None:
    stage = either.path.name.removesuffix(".template.json")

    assert either.only("AWS::Events::EventBus")["Name"] == f"{stage}-events"


def test_the_relay_reads_events_and_the_stream_and_writes_to_bus_and_queue_alone(either: Template) -> None:
    allowed = {action for each in either.statements("event-relay") for action in each.actions}

    assert {action for action in allowed if not action.startswith("logs:")} == {
        "dynamodb:Query",
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        "events:PutEvents",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
    }


def test_nobody_else_speaks_on_the_bus(either: Template) -> None:
    speaking = {each.role for each in either.statements() if "events:PutEvents" in each.actions}

    assert speaking == {each.role for each in either.statements("event-relay")}


def test_is_told_the_bus_the_queue_and_that_parts_of_a_batch_may_fail(either: Template) -> None:
    told = either.function("event-relay")["Environment"]["Variables"]

    assert text(told["EVENT_BUS"]).startswith("${EventsBus")
    assert text(told["UNDELIVERED_URL"]) == f"${{{_undelivered(either)}}}"
    assert told["TAKES_PARTIAL_FAILURES"] == "true"


def test_raises_on_the_local_platform_which_takes_no_part_of_a_batch(local: Template) -> None:
    assert local.function("event-relay")["Environment"]["Variables"]["TAKES_PARTIAL_FAILURES"] == "false"


def _undelivered(template: Template) -> str:
    (found,) = (
        key
        for key, each in template.resources.items()
        if each["Type"] == "AWS::SQS::Queue" and key.startswith("EventsUndelivered")
    )
    return found
