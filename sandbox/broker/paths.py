"""Calls told by method and path, for brokers that put an order's number into the path."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

type Parts = Mapping[str, str]


class Found[C](NamedTuple):
    """A call and the named parts of the path that led to it."""

    call: C
    parts: Parts


class Paths[C: Callable[..., object]]:
    """A table of `POST /orders/{variety}` and the like; the first row that fits is taken."""

    def __init__(self, table: Mapping[str, C]) -> None:
        self._rows: list[tuple[str, str, C]] = []
        for row, call in table.items():
            method, _, pattern = row.partition(" ")
            self._rows.append((method, pattern, call))

    def find(self, method: str, path: str) -> Found[C] | None:
        """The call of a request, or None."""
        for wanted, pattern, call in self._rows:
            parts = _parts(pattern, path) if wanted == method else None
            if parts is not None:
                return Found(call, parts)
        return None


def _parts(pattern: str, path: str) -> Parts | None:
    names, values = pattern.split("/"), path.split("/")
    if len(names) != len(values):
        return None
    pairs = list(zip(names, values, strict=True))
    if any(name != value for name, value in pairs if not name.startswith("{")):
        return None
    return {name[1:-1]: value for name, value in pairs if name.startswith("{")}
