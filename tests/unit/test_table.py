"""What the table does when DynamoDB says: not now."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from quantleap.adapters import keys
from quantleap.adapters.table import Table, TransactionFailed
from quantleap.domain.errors import Unavailable

type Said = ClientError | dict[str, Any]
KEY = keys.user("usr_1")
ITEM = {"user_id": {"S": "usr_1"}, "sort_key": {"S": "USER"}, "count": {"N": "3"}, "fee": {"N": "0.5"}}


def cancelled(*codes: str) -> ClientError:
    client: Any = boto3.client("dynamodb")
    reasons = [{"Code": code} for code in codes]
    answer = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    error: ClientError = client.exceptions.TransactionCanceledException(answer, "TransactWriteItems")
    return error


def failed(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "TransactWriteItems")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between tries take no time."""
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.fixture
def saying(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Table, Iterator[Said]]]:
    """A table whose client says what it was told to, in turn, whatever it is asked."""

    def build(operation: str, *answers: Said) -> tuple[Table, Iterator[Said]]:
        client = boto3.client("dynamodb")
        turn = iter(answers)

        def say(**_: object) -> dict[str, Any]:
            said = next(turn)
            if isinstance(said, ClientError):
                raise said
            return said

        monkeypatch.setattr(client, operation, say)
        return Table(client, "t"), turn

    return build


def test_a_transaction_that_only_met_another_or_a_busy_table_is_tried_again(saying: Any) -> None:
    table, left = saying(
        "transact_write_items",
        cancelled("None", "TransactionConflict"),
        cancelled("ThrottlingError"),
        cancelled("None", "ProvisionedThroughputExceeded"),
        failed("TransactionInProgressException"),
        {},
    )

    table.transact([])

    assert list(left) == []


def test_a_condition_that_failed_counts_more_than_a_meeting(saying: Any) -> None:
    table, _ = saying("transact_write_items", cancelled("TransactionConflict", "ConditionalCheckFailed"))

    with pytest.raises(TransactionFailed) as failure:
        table.transact([])

    assert failure.value.failures == {1: None}


@pytest.mark.parametrize("error", [cancelled("ValidationError"), failed("AccessDeniedException")])
def test_what_trying_again_would_not_mend_is_raised_at_once(saying: Any, error: ClientError) -> None:
    table, _ = saying("transact_write_items", error)

    with pytest.raises(ClientError):
        table.transact([])


def test_keys_left_over_by_a_batch_are_asked_for_again(saying: Any) -> None:
    left_over = {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [{}]}}}
    table, _ = saying("batch_get_item", left_over, left_over, {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {}})

    (item,) = table.get_many([KEY])

    assert (item["count"], str(item["fee"])) == (3, "0.5")


def test_a_batch_that_never_gets_through_fails(saying: Any) -> None:
    left_over = {"Responses": {"t": []}, "UnprocessedKeys": {"t": {"Keys": [{}]}}}
    table, _ = saying("batch_get_item", *[left_over] * 8)

    with pytest.raises(Unavailable):
        table.get_many([KEY])
