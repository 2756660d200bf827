"""The table every test of adapters and handlers works with: the stack's own design, in moto."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import hypothesis
import pytest
from moto import mock_aws

from cdk_stack.environment import environment
from cdk_stack.stage import Stage, read_stage
from cdk_stack.table_design import INDEXES, PARTITION, SORT, Index
from quantleap.adapters.table import Table
from quantleap.runtime import engine, relay, wiring
from quantleap.runtime.aws import session
from quantleap.runtime.settings import settings

TABLE = "quantleap-test-trading-configurations"
POOL_CLIENT = "client-of-the-stage"
REGION = "ap-south-1"
TIMER_ARN = f"arn:aws:states:{REGION}:123456789012:stateMachine:quantleap-dev-precision-timer"

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


# No test fails for the speed of the machine it runs on.
hypothesis.settings.register_profile("steady", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("steady")


@pytest.fixture
def aws() -> Iterator[None]:
    """Everything AWS, in memory, for one test."""
    with mock_aws():
        yield


@pytest.fixture
def table(aws: None) -> Table:
    """An empty table with every index of the stack."""
    client = boto3.client("dynamodb")
    client.create_table(**schema())
    return Table(client, TABLE)


def schema() -> dict[str, Any]:
    """The table as `create_table` wants it, with every index of the stack."""
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


@pytest.fixture
def deployed(table: Table, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The functions of stage `dev`, told what the stack tells them, with nothing remembered from another test."""
    told = environment(dev_stage(), table=TABLE, plans="plans", client=POOL_CLIENT) | {"PRECISION_TIMER_ARN": TIMER_ARN}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    forget()
    yield told
    forget()


def dev_stage() -> Stage:
    """Stage `dev` of `cdk.json`."""
    context = json.loads((Path(__file__).parents[1] / "cdk.json").read_text())["context"]
    return read_stage({**context, "stage": "dev"})


def forget() -> None:
    """Build everything anew when it is next asked for."""
    for part in (*vars(wiring).values(), *vars(engine).values(), *vars(relay).values(), session, settings):
        if hasattr(part, "cache_clear"):
            part.cache_clear()
