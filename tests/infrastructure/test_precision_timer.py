from typing import Any

import pytest

from tests.infrastructure.template import Template


@pytest.fixture
def states(dev: Template) -> dict[str, Any]:
    found: dict[str, Any] = dev.definition()["States"]
    return found


def test_goes_from_what_is_due_to_the_report(dev: Template, states: dict[str, Any]) -> None:
    assert dev.definition()["StartAt"] == "Due"
    assert {name: state.get("Next") for name, state in states.items()} == {
        "Due": "AnythingDue",
        "AnythingDue": None,
        "Plan": "AnyoneToTrade",
        "AnyoneToTrade": None,
        "UntilWarm": "Decide",
        "Decide": "Execute",
        "Execute": "Report",
        "Report": "AllOver",
        "AllOver": None,
        "UntilOthersAreGone": "Report",
        "Reported": None,
        "NothingToDo": None,
    }


@pytest.mark.parametrize(
    ("choice", "status", "then"), [("AnythingDue", "due", "Plan"), ("AnyoneToTrade", "planned", "UntilWarm")]
)
def test_ends_quietly_when_there_is_nothing_to_do(states: dict[str, Any], choice: str, status: str, then: str) -> None:
    asked = {"Variable": "$.status", "StringEquals": status, "Next": then}

    assert states[choice]["Choices"] == [asked]
    assert states[choice]["Default"] == "NothingToDo"
    assert states["NothingToDo"]["Type"] == "Succeed"


def test_each_step_calls_its_function(dev: Template, states: dict[str, Any]) -> None:
    for step in ("Due", "Plan", "Decide", "Report"):
        assert dev.name_of(states[step]["Resource"]) == f"precision-timer-{step.lower()}"


def test_says_when_it_started_for_starts_that_no_schedule_made(states: dict[str, Any]) -> None:
    assert states["Due"]["Parameters"] == {"started_at.$": "$$.Execution.StartTime", "request.$": "$"}


def test_a_run_that_others_serve_is_waited_for_and_what_they_left_is_served(states: dict[str, Any]) -> None:
    asked = [(each["StringEquals"], each["Next"]) for each in states["AllOver"]["Choices"]]

    assert asked == [("left", "Execute"), ("served", "UntilOthersAreGone")]
    assert states["AllOver"]["Default"] == "Reported"
    assert states["UntilOthersAreGone"]["TimestampPath"] == "$.until"
    assert states["Report"]["Parameters"] == {"execution.$": "$$.Execution.Id", "planned.$": "$"}


def test_a_run_whose_workers_could_not_be_started_is_reported_too(states: dict[str, Any]) -> None:
    assert states["Execute"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failed", "Next": "Report"}]


def test_waits_for_the_moment_the_plan_names(states: dict[str, Any]) -> None:
    assert states["UntilWarm"]["TimestampPath"] == "$.warm_at"


def test_every_fault_is_tried_again_and_nothing_is_cut_short(states: dict[str, Any]) -> None:
    work = [state for state in (*states.values(), _shard(states)) if state["Type"] == "Task"]

    again = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 4, "BackoffRate": 1.5}
    assert [task["Retry"] for task in work] == [[again]] * 5
    assert not [task for task in work if "TimeoutSeconds" in task]


class TestExecution:
    def test_reads_the_shards_of_the_plan_from_the_bucket(self, states: dict[str, Any]) -> None:
        reader = states["Execute"]["ItemReader"]

        assert reader["Resource"].endswith(":states:::s3:getObject")
        assert reader["ReaderConfig"] == {"InputType": "JSON"}
        assert reader["Parameters"]["Key.$"] == "$.key"

    def test_gives_every_shard_a_short_lived_execution_of_its_own(self, states: dict[str, Any]) -> None:
        assert states["Execute"]["ItemProcessor"]["ProcessorConfig"] == {
            "Mode": "DISTRIBUTED",
            "ExecutionType": "EXPRESS",
        }
        assert "MaxConcurrency" not in states["Execute"]

    def test_tells_the_executor_its_shard_and_which_attempt_it_is(self, dev: Template, states: dict[str, Any]) -> None:
        assert states["Execute"]["ItemSelector"] == {
            "shard.$": "$$.Map.Item.Value",
            "execution.$": "$$.Execution.Id",
            "round.$": "$.round",
        }
        assert dev.name_of(_shard(states)["Resource"]) == "strategy-executor"
        assert _shard(states)["Parameters"] == {
            "shard.$": "$.shard",
            "attempt": {"execution.$": "$.execution", "round.$": "$.round", "retry.$": "$$.State.RetryCount"},
        }

    def test_a_shard_that_fails_for_good_leaves_the_others_trading(self, states: dict[str, Any]) -> None:
        assert states["Execute"]["ToleratedFailurePercentage"] == 100

    def test_hands_the_report_the_plan_however_many_shards_there_were(self, states: dict[str, Any]) -> None:
        # 400 answers could exceed what a state may hold; the executors store theirs.
        assert states["Execute"]["ResultPath"] is None
        assert _shard(states)["OutputPath"] is None


def test_a_run_that_nobody_can_decide_leaves_the_others_trading(states: dict[str, Any]) -> None:
    assert states["Decide"]["Catch"] == [{"ErrorEquals": ["States.ALL"], "ResultPath": None, "Next": "Execute"}]
    assert states["Decide"]["Next"] == "Execute"


class TestSchedule:
    def test_starts_each_minute_a_session_can_have_in_utc(self, either: Template) -> None:
        schedule = either.schedule("market-minutes")

        assert schedule["ScheduleExpression"] == "cron(* 3-14 * * ? *)"
        assert schedule["ScheduleExpressionTimezone"] == "Etc/UTC"
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}

    def test_gives_up_after_a_minute_and_leaves_a_trace(self, either: Template) -> None:
        target = either.schedule("market-minutes")["Target"]

        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60
        assert target["DeadLetterConfig"]["Arn"]

    def test_says_which_minute_was_meant(self, either: Template) -> None:
        target = either.schedule("market-minutes")["Target"]

        assert target["Input"] == '{"scheduled_at":"<aws.scheduler.scheduled-time>"}'


def _shard(states: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = states["Execute"]["ItemProcessor"]["States"]["ExecuteShard"]
    return found
