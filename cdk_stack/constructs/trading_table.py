"""The one table."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cdk_stack.table_design import EXPIRES, INDEXES, PARTITION, SORT, Index, Key

_TYPES = {"S": dynamodb.AttributeType.STRING, "N": dynamodb.AttributeType.NUMBER}


class TradingTable(Construct):
    """On demand, restorable to any second, and kept where the stage says so."""

    def __init__(self, scope: Construct, id_: str, *, name: str, keep: bool) -> None:
        super().__init__(scope, id_)
        self.table = dynamodb.TableV2(
            self,
            "Table",
            table_name=name,
            partition_key=_attribute(PARTITION),
            sort_key=_attribute(SORT),
            billing=dynamodb.Billing.on_demand(),
            time_to_live_attribute=EXPIRES,
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            global_secondary_indexes=[_index(index) for index in INDEXES],
            deletion_protection=keep,
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )


def _attribute(key: Key) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=key.name, type=_TYPES[key.type])


def _index(index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    some = bool(index.projected)
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=index.name,
        partition_key=_attribute(index.partition),
        sort_key=_attribute(index.sort),
        projection_type=dynamodb.ProjectionType.INCLUDE if some else dynamodb.ProjectionType.ALL,
        non_key_attributes=list(index.projected) if some else None,
    )
