"""When a broker's book may be believed for what it does not show."""

from collections.abc import Iterable, Iterator
from itertools import repeat

from quantleap.domain.booking import Book
from quantleap.domain.capabilities import BookRule
from quantleap.domain.execution import Intent
from quantleap.domain.ports import Timer
from quantleap.services.gate import NS

LOOKS_S = (0.0, 0.2, 0.5, 1.0, 2.0)
"""Waits before each look into the book for what is not certain yet."""


def looks() -> Iterator[float]:
    """Waits before each look, for as long as somebody looks."""
    yield from LOOKS_S[:-1]
    yield from repeat(1.0)


class Belief:
    """An order is not there once the book has lacked it for long enough, and showed all the while what it must show.

    Books lag, and one that a broker could not read itself looks like that of somebody who never traded. An order that
    turns up late shows that the book lags: from then on the others are waited for anew.
    """

    def __init__(self, timer: Timer, rule: BookRule) -> None:
        self._timer = timer
        self._absent_ns = rule.absent_after_s * NS
        self._shown: frozenset[str] = frozenset()
        self._whole_since_ns: int | None = None

    @property
    def begun(self) -> bool:
        """Whether the last look showed what it must."""
        return self._whole_since_ns is not None

    def holds(self, book: Book, known: Iterable[Intent]) -> bool:
        """Whether what this look lacks is not there; `known` are all orders of the account that one knows of."""
        now_ns, known = self._timer.now_ns(), list(known)
        shown = frozenset(intent.intent_id for intent in known if book.of(intent))
        if any(intent.order_id is not None and intent.intent_id not in shown for intent in known):
            self._whole_since_ns = None
        elif self._whole_since_ns is None or shown != self._shown:
            self._whole_since_ns = now_ns
        self._shown = shown
        return self._whole_since_ns is not None and now_ns - self._whole_since_ns >= self._absent_ns
