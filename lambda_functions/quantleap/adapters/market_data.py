"""Dated facts in the table: what stands of each kind in one partition, and every version that ever stood."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from quantleap.adapters import keys
from quantleap.adapters.items import NEW, read, stored
from quantleap.adapters.table import Item, Table, TransactionFailed
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict
from quantleap.domain.market_data import DataKind, MarketData
from quantleap.domain.market_data_changes import Written
from quantleap.domain.shipped import SHIPPED

FRESH_FOR = timedelta(minutes=1)
"""How long facts that were read are not asked for again: one small query a minute for each process that needs them."""

AGAIN_AFTER = timedelta(seconds=10)
"""How long after a look that failed none is made: a worker asks for each of its accounts, and a look may hang."""

GOOD_FOR = timedelta(minutes=50)
"""How long facts stand while the table cannot be read: no change touches a run of the hour after it."""


class TableMarketData:
    """One item a kind that is replaced, and one a version that never is."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def all(self) -> Sequence[Written]:
        """What stands of every kind that was ever written, strongly consistent: one query."""
        items = self._table.query_all("user_id = :facts", facts=keys.MARKET_DATA)
        return [_written(item) for item in items]

    def versions(self, kind: DataKind) -> Sequence[Written]:
        """Everything that ever stood of a kind, newest first: one query."""
        items = self._table.query_all("user_id = :kind", newest_first=True, kind=keys.market_data_versions(kind))
        return [_written(item) for item in items]

    def save(self, written: Written, beside: Sequence[Written]) -> None:
        """Store the next version, unless somebody else did, or wrote of another kind than `beside` it (`Conflict`)."""
        was = "version = :was" if written.version > 1 else NEW
        values = {"was": written.version - 1} if written.version > 1 else {}
        current = stored(written, "MARKET_DATA", keys.market_data(written.kind))
        kept = stored(written, "MARKET_DATA_VERSION", keys.market_data_version(written.kind, written.version))
        versions = {each.kind: each.version for each in beside}
        stand = [self._standing(kind, versions.get(kind, 0)) for kind in DataKind if kind is not written.kind]
        try:
            self._table.transact([self._table.putting(current, was, **values), self._table.putting(kept, NEW), *stand])
        except TransactionFailed:
            raise Conflict("It changed meanwhile; read it again") from None

    def _standing(self, kind: DataKind, version: int) -> dict[str, Any]:
        """That a kind is at the version it was checked against; 0 says that nobody wrote of it."""
        key = keys.market_data(kind)
        return self._table.checking(key, "version = :was", was=version) if version else self._table.checking(key, NEW)


class FreshMarketData:
    """The facts as they are now: those of the release, with what the table has over them.

    They are looked up at most once a minute, and made anew only where a version is another.
    """

    def __init__(self, store: TableMarketData, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._read_at: datetime | None = None
        self._failed_at: datetime | None = None
        self._versions: list[tuple[DataKind, int]] = []
        self._facts: MarketData = SHIPPED

    def __call__(self) -> MarketData:
        """The facts; raises what the table does where it cannot be read and nothing good enough is remembered."""
        now = self._clock()
        failed_just_now = self._good(now) and _within(AGAIN_AFTER, self._failed_at, now)
        if not (_within(FRESH_FOR, self._read_at, now) or failed_just_now):
            self._look(now)
        return self._facts

    def _good(self, now: datetime) -> bool:
        return self._read_at is not None and now - self._read_at <= GOOD_FOR

    def _look(self, now: datetime) -> None:
        try:
            written = self._store.all()
        except (BotoCoreError, ClientError):
            if not self._good(now):
                raise
            self._failed_at = self._clock()
            return
        versions = [(each.kind, each.version) for each in written]
        if versions != self._versions:
            self._facts = SHIPPED.over(row for each in written for row in each.facts)
        self._read_at, self._versions = now, versions


def _within(span: timedelta, since: datetime | None, now: datetime) -> bool:
    return since is not None and timedelta(0) <= now - since < span


def _written(item: Item) -> Written:
    return read(Written, item, "user_id")
