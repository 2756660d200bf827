"""Models as items of the table, and back."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from quantleap.adapters.keys import Key
from quantleap.adapters.table import Item, plain
from quantleap.domain.model import Model

log = logging.getLogger(__name__)

UNREADABLE = "a stored row cannot be read"
"""What the log says of a damaged one; an alarm listens for it."""

type Write = dict[str, Any]
"""One write of a transaction, as `Table` builds it."""

NEW = "attribute_not_exists(user_id)"
"""The condition of a first write."""


def stored(model: Model, kind: str, key: Key, **more: object) -> Item:
    """A model as an item: amounts and times as text, so nothing is rounded, empty fields left out."""
    return {**model.model_dump(mode="json", exclude_none=True), **more, **key, "entity_type": kind}


def read[M: Model](model: type[M], item: Item, *dropped: str, **more: Any) -> M:  # noqa: ANN401 - any field
    """An item as the model it was stored from, without the attributes that only serve the table."""
    return model.model_validate({**plain(item, *dropped), **more})


def readable[T](items: Iterable[Item], of: Callable[[Item], T]) -> list[T]:
    """What can be read of many rows: a damaged one is told in the log, and keeps no other from being read."""
    found: list[T] = []
    for item in items:
        try:
            found.append(of(item))
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with it, it is the row's own
            where, kind = f"{item['user_id']} {item['sort_key']}", type(fault).__name__
            log.error("%s: %s: %s", UNREADABLE, where, kind)  # noqa: TRY400 - a trace may show what is stored
    return found
