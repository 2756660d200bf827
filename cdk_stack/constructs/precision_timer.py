"""From the minute before a boundary to the report after it.

Outcomes are data, told apart by Choice; errors are faults, and only faults are tried again.
"""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk_stack.constructs.functions import Functions
from cdk_stack.stage import Stage

UTC_HOURS = "3-14"
"""08:30 to 20:29 in India, which keeps no summer time: every session of the exchange, evenings of
Muhurat trading too. Which of these minutes are in a session, the session table decides, not cron."""


class PrecisionTimer(Construct):
    """The state machine, started every market minute for the boundary one to two minutes ahead."""

    def __init__(self, scope: Construct, id_: str, *, stage: Stage, functions: Functions, plans: s3.IBucket) -> None:
        super().__init__(scope, id_)
        self._functions = functions
        removal = RemovalPolicy.RETAIN if stage.keep_data else RemovalPolicy.DESTROY
        log = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/vendedlogs/states/{stage.prefix}-precision-timer",
            retention=logs.RetentionDays[stage.log_retention],
            removal_policy=removal,
        )
        name = f"{stage.prefix}-precision-timer"
        self.arn = Stack.of(self).format_arn(
            service="states", resource="stateMachine", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        """Made of the name: a step that starts the machine anew may not depend on the machine that calls it."""
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            state_machine_name=name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            definition_body=sfn.DefinitionBody.from_chainable(self._definition(plans)),
            logs=sfn.LogOptions(destination=log, level=sfn.LogLevel.ERROR, include_execution_data=False),
            removal_policy=removal,
        )
        self.missed = sqs.Queue(
            self,
            "Missed",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.left_half = _told_by_report("run_incomplete", stage)
        self.shards_missing = _told_by_report("run_missing_shards", stage)
        self.address_refused = _told_by_report("run_address_refused", stage)
        self.taken_out = _told_by_report("brokers_taken_out", stage)
        self._start_every_market_minute(f"{stage.prefix}-market-minutes")

    def _start_every_market_minute(self, name: str) -> None:
        scheduler.Schedule(
            self,
            "MarketMinutes",
            schedule_name=name,
            schedule=scheduler.ScheduleExpression.cron(hour=UTC_HOURS, time_zone=TimeZone.ETC_UTC),
            target=targets.StepFunctionsStartExecution(
                self.machine,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"scheduled_at": scheduler.ContextAttribute.scheduled_time}
                ),
                dead_letter_queue=self.missed,
                max_event_age=Duration.minutes(1),  # later than that the boundary is lost
                retry_attempts=2,
            ),
        )

    def _definition(self, plans: s3.IBucket) -> sfn.IChainable:
        nothing = sfn.Succeed(self, "NothingToDo")
        due = self._task(
            "Due",
            sfn.TaskInput.from_object(
                {
                    "started_at": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                    "request": sfn.JsonPath.entire_payload,
                }
            ),
        )
        warm = sfn.Wait(self, "UntilWarm", time=sfn.WaitTime.timestamp_path("$.warm_at"))
        execute = self._execute(plans)
        # A run that nobody could decide is missed by its own shards, which is told; the others trade.
        decide = self._task("Decide").add_catch(execute, result_path=sfn.JsonPath.DISCARD)
        fire = warm.next(decide).next(execute).next(self._report(execute))
        plan = self._task("Plan").next(_branch(self, "AnyoneToTrade", "planned", fire, nothing))
        return due.next(_branch(self, "AnythingDue", "due", plan, nothing))

    def _report(self, execute: sfn.DistributedMap) -> sfn.IChainable:
        """Close what is over; what another execution of the minute serves is waited for, what it left is served."""
        report = self._task(
            "Report",
            sfn.TaskInput.from_object(
                {"execution": sfn.JsonPath.string_at("$$.Execution.Id"), "planned": sfn.JsonPath.entire_payload}
            ),
        )
        execute.add_catch(report, result_path="$.failed")  # no worker was started: that too has to be told
        others = sfn.Wait(self, "UntilOthersAreGone", time=sfn.WaitTime.timestamp_path("$.until"))
        stands = sfn.Choice(self, "AllOver")
        stands.when(sfn.Condition.string_equals("$.status", "left"), execute)
        stands.when(sfn.Condition.string_equals("$.status", "served"), others.next(report))
        return report.next(stands.otherwise(sfn.Succeed(self, "Reported")))

    def _execute(self, plans: s3.IBucket) -> sfn.DistributedMap:
        """One executor per shard; a shard that fails for good leaves the others trading."""
        shards = sfn.DistributedMap(
            self,
            "Execute",
            label="Shards",
            map_execution_type=sfn.StateMachineType.EXPRESS,
            item_reader=sfn.S3JsonItemReader(bucket=plans, key=sfn.JsonPath.string_at("$.key")),
            item_selector={
                "shard": sfn.JsonPath.object_at("$$.Map.Item.Value"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
                "round": sfn.JsonPath.number_at("$.round"),
            },
            tolerated_failure_percentage=100,
            result_path=sfn.JsonPath.DISCARD,
        )
        attempt = {
            "execution": sfn.JsonPath.string_at("$.execution"),
            "round": sfn.JsonPath.number_at("$.round"),
            "retry": sfn.JsonPath.number_at("$$.State.RetryCount"),
        }
        shard = sfn.TaskInput.from_object({"shard": sfn.JsonPath.object_at("$.shard"), "attempt": attempt})
        return shards.item_processor(
            _task(
                self,
                "ExecuteShard",
                self._functions["strategy-executor"],
                shard,
                output_path=sfn.JsonPath.DISCARD,
            )
        )

    def _task(self, step: str, payload: sfn.TaskInput | None = None) -> tasks.LambdaInvoke:
        return _task(self, step, self._functions[f"precision-timer-{step.lower()}"], payload)


def _told_by_report(name: str, stage: Stage) -> cloudwatch.Metric:
    """A figure of the runs, as the last step writes it into its log (embedded metric format)."""
    return cloudwatch.Metric(
        namespace="QuantLeap", metric_name=name, dimensions_map={"stage": stage.name}, statistic="Sum"
    )


def _task(
    scope: Construct,
    step: str,
    function: lambda_.IFunction,
    payload: sfn.TaskInput | None = None,
    output_path: str | None = None,
) -> tasks.LambdaInvoke:
    """A step whose faults are tried again; the function's own timeout is the only one."""
    task = tasks.LambdaInvoke(
        scope,
        step,
        lambda_function=function,
        payload=payload,
        output_path=output_path,
        payload_response_only=True,
        retry_on_service_exceptions=False,
    )
    task.add_retry(errors=[sfn.Errors.ALL], interval=Duration.seconds(1), backoff_rate=1.5, max_attempts=4)
    return task


def _branch(scope: Construct, name: str, status: str, then: sfn.IChainable, otherwise: sfn.IChainable) -> sfn.Choice:
    asked = sfn.Condition.string_equals("$.status", status)
    return sfn.Choice(scope, name).when(asked, then).otherwise(otherwise)
