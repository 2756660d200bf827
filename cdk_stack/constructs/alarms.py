"""What somebody should be woken for."""

from collections.abc import Mapping
from typing import NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

type Watched = cloudwatch.Metric | cloudwatch.MathExpression


class Limit(NamedTuple):
    """What a metric must stay below."""

    metric: Watched
    below: float


class Alarms(Construct):
    """One alarm for each thing that should never happen, or stay below a limit, all told to one topic."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        prefix: str,
        never: Mapping[str, Watched],
        limits: Mapping[str, Limit],
    ) -> None:
        super().__init__(scope, id_)
        self.topic = sns.Topic(self, "Topic", topic_name=f"{prefix}-alarms", enforce_ssl=True)
        self._let_alarms_speak()
        for name, (metric, below) in {**{name: Limit(each, 1) for name, each in never.items()}, **limits}.items():
            alarm = metric.with_(period=Duration.minutes(1)).create_alarm(
                self,
                "".join(word.title() for word in name.split("-")),
                alarm_name=f"{prefix}-{name}",
                threshold=below,
                evaluation_periods=1,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _let_alarms_speak(self) -> None:
        """A topic with a policy of its own has lost the one that let its account's alarms in."""
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
