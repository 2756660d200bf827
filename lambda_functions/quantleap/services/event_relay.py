"""Events from the table to the bus: each at least once, none lost, and none in the way of others.

The table's stream tells of every event once it is stored. What the bus refuses for now is left, and the stream brings
it again; what it would never take is put aside, where an alarm tells of it. Whoever listens may hear of an event
twice and knows it by its `event_id`.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import batched
from typing import NamedTuple

from quantleap.domain.errors import Unavailable
from quantleap.domain.relaying import DeadLetters, EventBus, Outbox, Record, Refusal, Retelling

UNREADABLE = Refusal("the item is no event", final=True)
AT_ONCE = 100
"""Events told again between two looks at what the bus made of them."""


class Relayed(NamedTuple):
    """How many events were taken and put aside, and the records that have to come again, with the reasons."""

    taken: int
    aside: int
    left: Sequence[Record]
    reasons: Sequence[str]


def relay(bus: EventBus, dead_letters: DeadLetters, records: Sequence[Record]) -> Relayed:
    """Hand on what the stream brought; raises `Unavailable` when the bus does not answer, and all has to come again."""
    events = [record.event for record in records if record.event is not None]
    answers = iter(bus.put(events))
    refusals = [(each, UNREADABLE if each.event is None else next(answers)) for each in records]
    refused = [(record, refusal) for record, refusal in refusals if refusal is not None]
    left = [record for record, refusal in refused if not _put_aside(dead_letters, record, refusal)]
    return Relayed(
        taken=len(records) - len(refused),
        aside=len(refused) - len(left),
        left=left,
        reasons=sorted({refusal.reason for _, refusal in refused}),
    )


def _put_aside(dead_letters: DeadLetters, record: Record, refusal: Refusal) -> bool:
    """Whether nobody has to try again: only what would be refused for ever, once it lies where it is looked after."""
    if refusal.final:
        with suppress(Unavailable):
            dead_letters.put(record.key, refusal.reason)
            return True
    return False


class Retold(NamedTuple):
    """How many events were taken again, and why others were not."""

    taken: int
    refused: Sequence[str]


def retell(bus: EventBus, outbox: Outbox, wanted: Retelling) -> Retold:
    """Hand on a tenant's events from a moment on once more, from the table; those who heard them know them by id."""
    found: list[Refusal | None] = []
    for events in batched(outbox.since(wanted.tenant, wanted.since), AT_ONCE, strict=False):
        found += bus.put(events)
    return Retold(found.count(None), sorted({refusal.reason for refusal in found if refusal is not None}))
