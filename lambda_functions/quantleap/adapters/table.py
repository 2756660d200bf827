"""The table, as plain dictionaries and the domain's words for what went wrong.

Uses the low-level client: its start-up costs less than the resource's, and a handler pays it at every cold start.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from quantleap.adapters import attributes
from quantleap.adapters.keys import Key
from quantleap.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

type Item = dict[str, Any]

BATCH_GET_LIMIT = 100
"""Keys in one BatchGetItem, a limit of DynamoDB."""

PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
"""Why a transaction was cancelled that may well succeed later: it met another, or table or partition were too busy."""


class ConditionFailed(Exception):
    """A condition did not hold; `old` is the item that stood in the way, where there was one."""

    def __init__(self, old: Item | None) -> None:
        super().__init__("the condition did not hold")
        self.old = old


class TransactionFailed(Exception):
    """A transaction changed nothing; `failures` maps each action's position to the item in its way."""

    def __init__(self, failures: Mapping[int, Item | None]) -> None:
        super().__init__(f"the conditions of actions {sorted(failures)} did not hold")
        self.failures = failures


class _Contended(Unavailable):
    """Others touched the same items at the same moment, nothing was changed; trying again is safe."""

    def __init__(self) -> None:
        super().__init__("Too much is happening at this moment; send the request again")


class Rows(NamedTuple):
    """A page of a query and where the next begins."""

    items: Sequence[Item]
    next_key: Item | None


class Table:
    """One DynamoDB table."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self.name = name

    def get(self, key: Key) -> Item | None:
        """Read one item, strongly consistent."""
        answer = self._client.get_item(TableName=self.name, Key=_encode(key), ConsistentRead=True)
        return decoded(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Iterable[Key]) -> list[Item]:
        """Read items by key, strongly consistent, a hundred a call; the missing are absent."""
        return [item for chunk in batched(keys, BATCH_GET_LIMIT, strict=False) for item in self._get_chunk(chunk)]

    def _get_chunk(self, keys: Sequence[Key]) -> Iterator[Item]:
        wanted: Any = {self.name: {"Keys": [_encode(key) for key in keys], "ConsistentRead": True}}
        for attempt in Retrying(
            retry=retry_if_exception_type(_Contended),
            wait=wait_random_exponential(0.05, 1),
            stop=stop_after_attempt(8),
            reraise=True,
        ):
            with attempt:
                answer = self._client.batch_get_item(RequestItems=wanted)
                yield from map(decoded, answer["Responses"].get(self.name, ()))
                wanted = answer.get("UnprocessedKeys")
                if wanted:
                    raise _Contended

    def put(self, item: Mapping[str, Any], condition: str | None = None, **values: object) -> None:
        """Write an item where `condition` holds; raises `ConditionFailed` with what stood in the way."""
        try:
            self._client.put_item(
                TableName=self.name,
                Item=_encode(item),
                **_conditional(condition, values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(_old(error.response)) from None

    def update(self, key: Key, expression: str, condition: str | None = None, **values: object) -> Item:
        """Change an item where `condition` holds and return it as it is then."""
        try:
            answer = self._client.update_item(
                TableName=self.name,
                Key=_encode(key),
                UpdateExpression=expression,
                **_conditional(condition, values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise ConditionFailed(_old(error.response)) from None
        return decoded(answer["Attributes"])

    def take(self, key: Key) -> Item | None:
        """Delete an item and hand it out; only one caller gets it."""
        answer = self._client.delete_item(TableName=self.name, Key=_encode(key), ReturnValues="ALL_OLD")
        taken = answer.get("Attributes")
        return decoded(taken) if taken else None

    def transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Do all or nothing; raises `TransactionFailed` when a condition does not hold.

        Transactions that only met another one are tried again: the conditions decide, not the order of arrival.
        """
        for attempt in Retrying(
            retry=retry_if_exception_type(_Contended),
            wait=wait_random_exponential(0.02, 1),
            stop=stop_after_attempt(25),
            reraise=True,
        ):
            with attempt:
                self._transact_once(actions)

    def _transact_once(self, actions: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]  # built below
        except self._client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons", ())
            failures = {i: _old(r) for i, r in enumerate(reasons) if r.get("Code") == "ConditionalCheckFailed"}
            if failures:
                raise TransactionFailed(failures) from None
            if any(reason.get("Code") in PASSING for reason in reasons):
                raise _Contended from error
            raise
        except ClientError as error:
            if error.response["Error"]["Code"] == "TransactionInProgressException":
                raise _Contended from error
            raise

    def query(
        self,
        condition: str,
        *,
        index: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        start: Item | None = None,
        **values: object,
    ) -> Rows:
        """One page of a query; a base-table query is strongly consistent."""
        options: dict[str, Any] = {"ConsistentRead": True} if index is None else {"IndexName": index}
        if limit is not None:
            options["Limit"] = limit
        if start is not None:
            options["ExclusiveStartKey"] = _encode(start)
        answer = self._client.query(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=_values(values),
            ScanIndexForward=not newest_first,
            **options,
        )
        last = answer.get("LastEvaluatedKey")
        return Rows([decoded(item) for item in answer["Items"]], decoded(last) if last else None)

    def query_all(self, condition: str, *, index: str | None = None, **options: Any) -> list[Item]:  # noqa: ANN401 - passed on
        """Every page of a query."""
        page = self.query(condition, index=index, **options)
        items = list(page.items)
        while page.next_key is not None:
            page = self.query(condition, index=index, start=page.next_key, **options)
            items += page.items
        return items

    def putting(self, item: Mapping[str, Any], condition: str | None = None, **values: object) -> dict[str, Any]:
        """A put for `transact`."""
        return self._action("Put", {"Item": _encode(item)}, condition, values)

    def updating(self, key: Key, expression: str, condition: str | None = None, **values: object) -> dict[str, Any]:
        """An update for `transact`."""
        body = {"Key": _encode(key), "UpdateExpression": expression}
        return self._action("Update", body, condition, values)

    def deleting(self, key: Key, condition: str | None = None, **values: object) -> dict[str, Any]:
        """A delete for `transact`."""
        return self._action("Delete", {"Key": _encode(key)}, condition, values)

    def checking(self, key: Key, condition: str, **values: object) -> dict[str, Any]:
        """A condition for `transact` on an item it does not change."""
        return self._action("ConditionCheck", {"Key": _encode(key)}, condition, values)

    def _action(
        self, kind: str, body: dict[str, Any], condition: str | None, values: Mapping[str, object]
    ) -> dict[str, Any]:
        return {
            kind: {
                "TableName": self.name,
                **body,
                **_conditional(condition, values),
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }


def plain(item: Mapping[str, Any], *dropped: str) -> Item:
    """An item without its keys and the named attributes: what a model is read from."""
    away = {"sort_key", "entity_type", "expires_at", *dropped}
    return {name: value for name, value in item.items() if name not in away}


def _conditional(condition: str | None, values: Mapping[str, object]) -> dict[str, Any]:
    """Condition and values; `status` and other reserved words are written `#status` and named here."""
    options: dict[str, Any] = {}
    if condition is not None:
        options["ConditionExpression"] = condition
    names = {name: value for name, value in values.items() if name.startswith("name_")}
    if names:
        options["ExpressionAttributeNames"] = {f"#{k.removeprefix('name_')}": v for k, v in names.items()}
    rest = {name: value for name, value in values.items() if not name.startswith("name_")}
    if rest:
        options["ExpressionAttributeValues"] = _values(rest)
    return options


def _values(values: Mapping[str, object]) -> dict[str, Any]:
    return {f":{name}": attributes.written(value) for name, value in values.items()}


def _encode(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes.written(value) for name, value in item.items()}


def decoded(item: Mapping[str, Any]) -> Item:
    """An item as DynamoDB writes it, as a plain dictionary."""
    return {name: attributes.read(value) for name, value in item.items()}


def _old(answer: Mapping[str, Any]) -> Item | None:
    return decoded(answer["Item"]) if answer.get("Item") else None
