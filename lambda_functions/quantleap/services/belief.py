"""When a broker's book may be believed for what it does not show."""

from collections.abc import Iterable

from quantleap.domain.booking import Book
from quantleap.domain.execution import Intent
from quantleap.domain.ports import Timer
from quantleap.services.gate import NS

APART_NS = NS


class Belief:
    """An order is not there once the book has lacked it for a second, and showed all the while what it must show.

    Books lag, and one that a broker could not read itself looks like that of somebody who never traded.
    """

    def __init__(self, timer: Timer) -> None:
        self._timer = timer
        self._whole_since_ns: int | None = None

    def holds(self, book: Book, known: Iterable[Intent]) -> bool:
        """Whether what this look lacks is not there; `known` are all orders of the account that one knows of."""
        now_ns = self._timer.now_ns()
        if any(intent.order_id is not None and not book.of(intent) for intent in known):
            self._whole_since_ns = None
            return False
        if self._whole_since_ns is None:
            self._whole_since_ns = now_ns
        return now_ns - self._whole_since_ns >= APART_NS
