"""Faults that cost one account or one run its part and nobody else's, counted of the logs: somebody has to look."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_stack.constructs.functions import Functions

ACCOUNT_FAULTED = "an account's part of a run ended in a fault"
TRADERS = ("strategy-executor", "rehearsal")
"""Functions that do something for one account of many."""

ROW_UNREADABLE = "a stored row cannot be read"
READERS = (
    *TRADERS,
    "precision-timer-due",
    "precision-timer-plan",
    "precision-timer-decide",
    "precision-timer-report",
    "instrument-masters",
    "execution-manager",
    "basket-manager",
)
"""Functions that read many rows for a run, and those that end one."""

RUN_NOT_PLANNED = "a run could not be planned"
PLANNERS = ("precision-timer-plan",)


class Faults(Construct):
    """The lines begin with their message, and say behind it whose it was: a pattern finds it anywhere in the line."""

    def __init__(self, scope: Construct, id_: str, *, prefix: str, functions: Functions) -> None:
        super().__init__(scope, id_)
        self._prefix = prefix
        self._functions = functions
        self.of_accounts = self._count("AccountsFaulted", ACCOUNT_FAULTED, TRADERS)
        self.of_plans = self._count("RunsNotPlanned", RUN_NOT_PLANNED, PLANNERS)
        self.of_rows = self._count("RowsUnreadable", ROW_UNREADABLE, READERS)

    def _count(self, name: str, message: str, writers: tuple[str, ...]) -> cloudwatch.Metric:
        """How often functions wrote a message."""
        for writer in writers:
            logs.MetricFilter(
                self,
                f"{name}In{writer.title().replace('-', '')}",
                log_group=self._functions[writer].log_group,
                filter_pattern=logs.FilterPattern.all_terms(message),
                metric_namespace=self._prefix,
                metric_name=name,
                metric_value="1",
            )
        return cloudwatch.Metric(namespace=self._prefix, metric_name=name, statistic="Sum")
