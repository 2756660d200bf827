"""Requests that may be sent again and are carried out once."""

from collections.abc import Callable
from typing import NamedTuple

from quantleap.domain.errors import Unavailable
from quantleap.domain.idempotency import Attempt, Record
from quantleap.domain.ports import IdempotencyRecords


class Carried[A](NamedTuple):
    """The answer made now, or the record of the one made before."""

    answer: A | None
    before: Record | None = None


def once[A](
    records: IdempotencyRecords,
    attempt: Attempt,
    work: Callable[[Record], A],
    kept: Callable[[A], tuple[int, str | None]],
    lost: Callable[[Unavailable], None],
) -> Carried[A]:
    """Carry a request out unless it was before; raises what the work raises, `Reused`, or `Conflict`.

    The work is told the record, for what it draws its ids from. `kept` gives of an answer what may be stored. When
    that cannot be stored the answer stands all the same, `lost` is told, and the key stays in use until its lease is
    over.
    """
    record = records.begin(attempt)
    if not record.held_by(attempt):
        record.require_same(attempt)
        return Carried(None, record)
    try:
        answer = work(record)
    except Exception:
        records.drop(attempt)
        raise
    try:
        records.finish(attempt, *kept(answer))
    except Unavailable as failure:
        lost(failure)
    return Carried(answer)
