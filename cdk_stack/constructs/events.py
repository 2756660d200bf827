"""Events on their way from the table to whoever listens."""

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_stack.constructs.functions import Functions
from cdk_stack.stage import Stage

BATCH = 100
"""Records of a call: ten calls of PutEvents, well inside the function's time."""

AT_ONCE = 10
"""Batches of one shard that are worked on together: a run that refuses thousands is told of within seconds."""

LONGEST_TRY = Duration.hours(23)
"""The stream forgets after 24 hours: before that, a note of what was not delivered is left in the queue."""

LATE = Duration.minutes(5)
"""An event that waits longer than this wakes somebody: the bus does not answer, or may not be written to."""

NEW_EVENTS = {
    "eventName": lambda_.FilterRule.is_equal("INSERT"),
    "dynamodb": {"NewImage": {"entity_type": {"S": lambda_.FilterRule.is_equal("EVENT")}}},
}
"""Everything else that happens to the table is dropped by the stream's mapping, which costs nothing."""


class Events(Construct):
    """The bus, the table's stream that feeds it, and the queue of what it never took."""

    def __init__(
        self, scope: Construct, id_: str, *, stage: Stage, functions: Functions, table: dynamodb.ITableV2
    ) -> None:
        super().__init__(scope, id_)
        self.bus = events.EventBus(self, "Bus", event_bus_name=f"{stage.prefix}-events")
        self.undelivered = sqs.Queue(
            self,
            "Undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        relay = functions["event-relay"]
        self._tell(relay, stage)
        self._feed(relay, table)
        self.age = relay.metric("IteratorAge", statistic="Maximum")

    def _tell(self, relay: lambda_.Function, stage: Stage) -> None:
        """The emulator takes a part of a batch that failed for none; there the function has to raise."""
        relay.add_environment("EVENT_BUS", self.bus.event_bus_name)
        relay.add_environment("UNDELIVERED_URL", self.undelivered.queue_url)
        relay.add_environment("TAKES_PARTIAL_FAILURES", "true" if stage.platform == "aws" else "false")

    def _feed(self, relay: lambda_.Function, table: dynamodb.ITableV2) -> None:
        """Tried again until a record is too old, not a number of times; the queue lets the function send to it."""
        relay.add_event_source_mapping(
            "Stream",
            event_source_arn=table.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            filters=[lambda_.FilterCriteria.filter(NEW_EVENTS)],
            batch_size=BATCH,
            parallelization_factor=AT_ONCE,
            max_record_age=LONGEST_TRY,
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            on_failure=sources.SqsDlq(self.undelivered),
        )

    def grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        """Allow exactly these actions on the bus."""
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.bus.event_bus_arn])
