"""Idempotency records in the table: one item for a caller and key, gone after a day."""

from contextlib import suppress
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from quantleap.adapters import keys
from quantleap.adapters.table import ConditionFailed, Item, Table, TransactionFailed
from quantleap.domain.errors import Unavailable
from quantleap.domain.idempotency import KEPT, LEASE, Attempt, Record

FREE = "attribute_not_exists(user_id) OR expires_at <= :now"
"""No record, or one that the table has not got round to delete."""

ABANDONED = "(attribute_not_exists(answer_status) AND running_until <= :at AND fingerprint = :fingerprint)"
"""The same request, begun by a worker that cannot be at work any more."""


class TableIdempotency:
    """Beginning is one conditional write; the record in the way comes back with its failure."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, attempt: Attempt) -> Record | None:
        """Note that a request is being carried out; the record that stands in the way, or None."""
        now = int(attempt.at.timestamp())
        try:
            self._table.put(
                _item(attempt),
                f"{FREE} OR {ABANDONED}",
                now=now,
                at=attempt.at.isoformat(),
                fingerprint=attempt.fingerprint,
            )
        except ConditionFailed as failure:
            return _record(failure.old) if failure.old else None
        return None

    def finish(self, attempt: Attempt, status: int, body: str | None) -> None:
        """Keep the answer, unless another attempt took over; raises `Unavailable` when it cannot be kept."""
        try:
            self._keep(attempt, status, body)
        except (ClientError, BotoCoreError):
            raise Unavailable("The answer could not be kept") from None

    def _keep(self, attempt: Attempt, status: int, body: str | None) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                keys.idempotency(attempt.name),
                "SET answer_status = :status, answer = :body",
                "attempt = :token",
                status=status,
                body=body,
                token=attempt.token,
            )

    def drop(self, attempt: Attempt) -> None:
        """Free the key, unless another attempt took over."""
        with suppress(TransactionFailed):
            own = self._table.deleting(keys.idempotency(attempt.name), "attempt = :token", token=attempt.token)
            self._table.transact([own])


def _item(attempt: Attempt) -> Item:
    return {
        **keys.idempotency(attempt.name),
        "entity_type": "IDEMPOTENCY",
        "version": 1,
        "fingerprint": attempt.fingerprint,
        "attempt": attempt.token,
        "running_until": (attempt.at + LEASE).isoformat(),
        "expires_at": int((attempt.at + KEPT).timestamp()),
    }


def _record(item: Item) -> Record:
    return Record(
        fingerprint=item["fingerprint"],
        token=item["attempt"],
        running_until=datetime.fromisoformat(item["running_until"]),
        status=item.get("answer_status"),
        body=item.get("answer"),
    )
