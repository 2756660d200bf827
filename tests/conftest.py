"""The table every test of adapters and handlers works with: the stack's own design, in moto."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cdk_stack.table_design import INDEXES, PARTITION, SORT, Index
from quantleap.adapters.table import Table

TABLE = "quantleap-test-trading-configurations"
REGION = "ap-south-1"

# Before any client is made, so that no test can reach AWS with somebody's own credentials.
os.environ.update(
    AWS_DEFAULT_REGION=REGION,
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_EC2_METADATA_DISABLED="true",
    POWERTOOLS_SERVICE_NAME="tests",
    LOG_LEVEL="INFO",
)
for unwanted in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(unwanted, None)


@pytest.fixture
def aws() -> Iterator[None]:
    """Everything AWS, in memory, for one test."""
    with mock_aws():
        yield


@pytest.fixture
def table(aws: None) -> Table:
    """An empty table with every index of the stack."""
    client = boto3.client("dynamodb")
    client.create_table(**_schema())
    return Table(client, TABLE)


def _schema() -> dict[str, Any]:
    keys = {key.name: key.type for key in (PARTITION, SORT, *(k for i in INDEXES for k in (i.partition, i.sort)))}
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _key(PARTITION.name, SORT.name),
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in keys.items()],
        "GlobalSecondaryIndexes": [_index(index) for index in INDEXES],
    }


def _index(index: Index) -> dict[str, Any]:
    projection: dict[str, Any] = {"ProjectionType": "ALL"}
    if index.projected:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projected)}
    return {
        "IndexName": index.name,
        "KeySchema": _key(index.partition.name, index.sort.name),
        "Projection": projection,
    }


def _key(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
