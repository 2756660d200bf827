"""Models as items of the table, and back."""

from typing import Any

from quantleap.adapters.keys import Key
from quantleap.adapters.table import Item, plain
from quantleap.domain.model import Model

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
