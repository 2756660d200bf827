"""The look at every boundary half an hour before, and what is counted of it."""

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from cdk_stack.constructs.functions import Functions
from cdk_stack.constructs.precision_timer import UTC_HOURS

CALENDAR_ENDS = "trading calendar ends soon"
METRIC = "TradingCalendarEndsSoon"


class Rehearsals(Construct):
    """Started every minute in which the timer is: the first session's first boundary is rehearsed at 08:45 in India."""

    def __init__(self, scope: Construct, id_: str, *, prefix: str, functions: Functions) -> None:
        super().__init__(scope, id_)
        function = functions["rehearsal"]
        logs.MetricFilter(
            self,
            "CalendarEnds",
            log_group=function.log_group,
            filter_pattern=logs.FilterPattern.string_value("$.message", "=", CALENDAR_ENDS),
            metric_namespace=prefix,
            metric_name=METRIC,
            metric_value="1",
        )
        self.calendar_ends = cloudwatch.Metric(namespace=prefix, metric_name=METRIC, statistic="Sum")
        scheduler.Schedule(
            self,
            "Minutes",
            schedule_name=f"{prefix}-rehearsal",
            schedule=scheduler.ScheduleExpression.cron(hour=UTC_HOURS, time_zone=TimeZone.ETC_UTC),
            target=targets.LambdaInvoke(
                function,
                input=scheduler.ScheduleTargetInput.from_object(
                    {"scheduled_at": scheduler.ContextAttribute.scheduled_time}
                ),
                max_event_age=Duration.minutes(10),  # later than that users have no time left to log in
                retry_attempts=2,
            ),
        )
