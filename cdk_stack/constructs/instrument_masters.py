"""Brokers' lists of contracts, looked after every morning before the market opens."""

from aws_cdk import Duration, TimeZone
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from cdk_stack.constructs.functions import Functions

MINUTES, UTC_HOURS = "5/10", "3-4"
"""08:35 in India, when brokers have made their lists, and every ten minutes until 10:25.

A list that is good already is left alone; one that was late or bad, or that its broker shows only to somebody who is
logged in, is had at one of the later looks.
"""

READERS = ("instrument-masters", "precision-timer-decide", "rehearsal")
"""Functions that examine lists, and say so in their logs."""

REFUSED = "instrument master refused"
DIFFERENT_TERMS = "contract terms differ"


class InstrumentMasters(Construct):
    """The schedule, and what is counted of the logs."""

    def __init__(self, scope: Construct, id_: str, *, prefix: str, functions: Functions) -> None:
        super().__init__(scope, id_)
        self._prefix = prefix
        self._functions = functions
        self.refused = self._count("Refused", REFUSED)
        self.different_terms = self._count("DifferentTerms", DIFFERENT_TERMS)
        scheduler.Schedule(
            self,
            "Mornings",
            schedule_name=f"{prefix}-instrument-masters",
            schedule=scheduler.ScheduleExpression.cron(minute=MINUTES, hour=UTC_HOURS, time_zone=TimeZone.ETC_UTC),
            target=targets.LambdaInvoke(
                functions["instrument-masters"], max_event_age=Duration.minutes(10), retry_attempts=2
            ),
        )

    def _count(self, name: str, message: str) -> cloudwatch.Metric:
        """How often functions wrote a message."""
        for reader in READERS:
            logs.MetricFilter(
                self,
                f"{name}In{reader.title().replace('-', '')}",
                log_group=self._functions[reader].log_group,
                filter_pattern=logs.FilterPattern.string_value("$.message", "=", message),
                metric_namespace=self._prefix,
                metric_name=f"InstrumentMasters{name}",
                metric_value="1",
            )
        return cloudwatch.Metric(namespace=self._prefix, metric_name=f"InstrumentMasters{name}", statistic="Sum")
