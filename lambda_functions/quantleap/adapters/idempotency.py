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

UNCHANGED = "attempt = :seen AND attribute_not_exists(answer_status)"
"""The abandoned attempt, and nobody who took it over or answered meanwhile."""


class TableIdempotency:
    """Beginning is one conditional write, taking over one more; the record in the way comes back with a failure."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def begin(self, attempt: Attempt) -> Record:
        """Note that a request is being carried out; the record as it stands, held by this attempt or in its way."""
        item = _item(attempt)
        try:
            self._table.put(item, FREE, now=int(attempt.at.timestamp()))
        except ConditionFailed as failure:
            before = _record(failure.old or {})
            return self._take_over(before, attempt) if before.abandoned(attempt) else before
        return _record(item)

    def _take_over(self, before: Record, attempt: Attempt) -> Record:
        """Go on with what another attempt left, ids and all; of several who do so at once one does."""
        try:
            item = self._table.update(
                keys.idempotency(attempt.name),
                "SET attempt = :token, running_until = :until, version = version + :one",
                UNCHANGED,
                token=attempt.token,
                until=(attempt.at + LEASE).isoformat(),
                seen=before.token,
                one=1,
            )
        except ConditionFailed as failure:
            return _record(failure.old) if failure.old else before
        return _record(item)

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
        "seed": attempt.token,
        "running_until": (attempt.at + LEASE).isoformat(),
        "expires_at": int((attempt.at + KEPT).timestamp()),
    }


def _record(item: Item) -> Record:
    return Record(
        fingerprint=item["fingerprint"],
        token=item["attempt"],
        seed=item["seed"],
        running_until=datetime.fromisoformat(item["running_until"]),
        status=item.get("answer_status"),
        body=item.get("answer"),
    )
