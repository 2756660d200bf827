"""Halts in the table: few, and all in one partition, so that a run reads them in one query."""

from collections.abc import Sequence

from quantleap.adapters import keys
from quantleap.adapters.items import read, stored
from quantleap.adapters.table import Item, Table
from quantleap.domain.errors import NotFound
from quantleap.domain.halts import Halt


class TableHalts:
    """A halt that has ended stays to be read until it is lifted or replaced."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, halt: Halt) -> None:
        """Set or replace the halt of a scope: one write."""
        self._table.put(stored(halt, "HALT", keys.halt(halt.scope), version=1))

    def get(self, scope: str) -> Halt:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.halt(scope))
        if item is None:
            raise NotFound("No such halt")
        return _halt(item)

    def lift(self, scope: str) -> Halt:
        """Take a halt away and return it: one write; raises `NotFound`."""
        item = self._table.take(keys.halt(scope))
        if item is None:
            raise NotFound("No such halt")
        return _halt(item)

    def list(self) -> Sequence[Halt]:
        """Every halt by scope, strongly consistent: one query."""
        items = self._table.query_all("user_id = :halts", halts=keys.HALTS)
        return [_halt(item) for item in items]


def _halt(item: Item) -> Halt:
    return read(Halt, item, "user_id", "version")
