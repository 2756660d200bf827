"""Halts in the table: few, and all in one partition, so that a run reads them in one query.

A partition serves 3,000 reads a second, and every worker of a run reads twice a second. So each halt lies in several
partitions, written together: whoever reads any of them knows all halts.
"""

from collections.abc import Sequence

from quantleap.adapters import keys
from quantleap.adapters.items import read, stored
from quantleap.adapters.table import Item, Table, TransactionFailed
from quantleap.domain.errors import NotFound
from quantleap.domain.halts import Halt

COPIES = 4
"""Serve 6,000 workers, of which 4,000 trade for a million subscribers."""


NO_SUCH = "No such halt"


class TableHalts:
    """A halt that has ended stays to be read until it is lifted or replaced."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, halt: Halt) -> None:
        """Set or replace the halt of a scope, everywhere at once."""
        items = (stored(halt, "HALT", keys.halt(copy, halt.scope), version=1) for copy in range(COPIES))
        self._table.transact([self._table.putting(item) for item in items])

    def get(self, scope: str) -> Halt:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.halt(0, scope))
        if item is None:
            raise NotFound(NO_SUCH)
        return _halt(item)

    def lift(self, scope: str) -> Halt:
        """Take a halt away everywhere at once and return it; raises `NotFound`."""
        halt, there = self.get(scope), "attribute_exists(user_id)"
        try:
            self._table.transact([self._table.deleting(keys.halt(copy, scope), there) for copy in range(COPIES)])
        except TransactionFailed:
            raise NotFound(NO_SUCH) from None
        return halt

    def list(self, reader: int = 0) -> Sequence[Halt]:
        """Every halt by scope, strongly consistent: one query of the copy that falls to a reader."""
        items = self._table.query_all("user_id = :halts", halts=keys.halts(reader % COPIES))
        return [_halt(item) for item in items]


def _halt(item: Item) -> Halt:
    return read(Halt, item, "user_id", "version")
