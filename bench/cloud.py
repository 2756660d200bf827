"""An AWS of this process's own, in memory, with the stack's table in it: nothing here reaches a network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto import mock_aws

from bench import stage
from quantleap.adapters.table import Table
from tests.conftest import schema


@contextmanager
def table() -> Iterator[Table]:
    """An empty table with every index, and functions that are told of it, until the block ends."""
    os.environ.update(stage.told())
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(**{**schema(), "TableName": stage.TABLE})
        yield Table(client, stage.TABLE)
