"""Events read back: from what the table's stream brings, and from the table itself."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from quantleap.adapters import keys
from quantleap.adapters.items import read
from quantleap.adapters.table import Item, Table, decoded
from quantleap.domain.events import Happening
from quantleap.domain.relaying import Record


def records(stream: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Records of the stream that tell of new events, as the mapping's filter lets them through."""
    return [_record(each["dynamodb"]) for each in stream]


def _record(change: Mapping[str, Any]) -> Record:
    return Record(change["SequenceNumber"], decoded(change["Keys"]), _event(decoded(change["NewImage"])))


def _event(item: Item) -> Happening | None:
    """The event of an item; None where it is no event."""
    with suppress(ValueError):  # pydantic's
        return read(Happening, item, "user_id", "version")
    return None


class TableOutbox:
    """Events stay in the table until they expire."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def since(self, tenant: str, moment: datetime) -> Iterator[Happening]:
        """A tenant's events from a moment on, in no order, without what cannot be read: a query a partition."""
        pages = (self._table.query_all("user_id = :events", events=partition) for partition in keys.events(tenant))
        events = (_event(item) for page in pages for item in page)
        return (event for event in events if event is not None and event.occurred_at >= moment)
