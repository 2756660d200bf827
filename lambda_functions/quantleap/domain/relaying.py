"""What hands events on needs: the places of the stream they come from, the bus, and a shelf for what it refuses."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from pydantic import AwareDatetime

from quantleap.domain.events import Happening
from quantleap.domain.model import Model


class Record(NamedTuple):
    """A place of the stream, the key of the item written there, and its event; None for one that cannot be read."""

    place: str
    key: Mapping[str, str]
    event: Happening | None


class Refusal(NamedTuple):
    """Why an event was not taken; it would be refused again where that is `final`, else it may pass later."""

    reason: str
    final: bool


class Retelling(Model):
    """Whose events are to be told again, and from when on."""

    tenant: str
    since: AwareDatetime


class EventBus(Protocol):
    """Where others listen."""

    def put(self, events: Sequence[Happening]) -> Sequence[Refusal | None]:
        """Hand events on; what became of each, None where it was taken.

        Raises `Unavailable` when the bus does not answer; some may have been taken then.
        """


class DeadLetters(Protocol):
    """Where somebody looks after what cannot be handed on."""

    def put(self, key: Mapping[str, str], reason: str) -> None:
        """Name an event's item, and why it stands here; raises `Unavailable`."""


class Outbox(Protocol):
    """Events as they are stored."""

    def since(self, tenant: str, moment: datetime) -> Iterable[Happening]:
        """A tenant's events from a moment on, in no order, as far back as they are kept."""
