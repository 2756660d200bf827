"""Counts calls to AWS, by name, whatever code makes them: for tests, and for the figures of the benchmarks."""

from collections import Counter
from types import TracebackType
from typing import Any, Self


class Calls:
    """Counts while it is open; a call the SDK sends again for itself counts once."""

    def __init__(self, *clients: Any) -> None:
        self.made: Counter[str] = Counter()
        self._events = [client.meta.events for client in clients]

    def __enter__(self) -> Self:
        for events in self._events:
            events.register("before-call", self._count, unique_id=id(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for events in self._events:
            events.unregister("before-call", unique_id=id(self))

    def _count(self, model: Any, **_: object) -> None:
        self.made[model.name] += 1

    @property
    def total(self) -> int:
        """How many there were."""
        return self.made.total()
