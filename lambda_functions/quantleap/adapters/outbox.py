"""Events as items, written in the transaction of what they tell of; the table's stream hands them on."""

from datetime import timedelta

from quantleap.adapters import keys
from quantleap.adapters.items import stored
from quantleap.adapters.table import Item
from quantleap.domain.events import Happening

LIFE = timedelta(days=30)
"""How long an event can be read again from the table; after that it forgets it by itself."""


def item(event: Happening) -> Item:
    """The event as stored; the same event again is the same item, so the stream tells of it once."""
    until = int((event.occurred_at + LIFE).timestamp())
    return stored(event, "EVENT", keys.event(event.tenant, event.event_id), version=1, expires_at=until)
