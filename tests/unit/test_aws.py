"""Clients of AWS are botocore's own, however few folders it looked into."""

import pytest
from botocore.config import Config
from botocore.exceptions import DataNotFoundError
from botocore.loaders import Loader

from quantleap.runtime import aws


@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"])
def test_no_service_is_missed_that_has_a_description(kind: str) -> None:
    assert set(Loader().list_available_services(kind)) <= set(aws.Descriptions().list_available_services(kind))


@pytest.mark.parametrize("name", ["dynamo", "dynamodb/2012-08-10", ".."])
def test_a_service_that_does_not_exist_has_none(name: str) -> None:
    with pytest.raises(DataNotFoundError):
        aws.Descriptions().load_service_model(name, "service-2")


def test_a_description_that_a_service_lacks_is_not_found() -> None:
    with pytest.raises(DataNotFoundError):
        aws.Descriptions().load_service_model("dynamodb", "poems-1")


def test_a_client_can_page_and_wait_as_any() -> None:
    client = aws.client("dynamodb", Config())

    assert client.can_paginate("query")
    assert not client.can_paginate("get_item")
    assert "table_exists" in client.waiter_names
