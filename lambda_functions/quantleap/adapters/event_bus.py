"""Events on EventBridge, and the names of those it will never take on a queue."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from tenacity.wait import wait_base

from quantleap.domain.errors import Unavailable
from quantleap.domain.events import Happening
from quantleap.domain.relaying import Refusal

SOURCE = "quantleap"

MOST_ENTRIES = 10
MOST_BYTES = 256 * 1024
"""Limits of PutEvents, the bytes for all entries of a call together."""

TIME_BYTES = 14
"""What a time counts in an entry's size, by the rules of PutEvents."""

TRIES = 4
WAITS = wait_random_exponential(0.05, 1)
"""For entries refused in a call that went well: throttled ones, mostly. Trying longer is the stream's business."""

FINAL = frozenset({"InvalidArgument", "MalformedDetail", "ValidationException"})
"""Refusals that speak of the event itself; all others pass, or end when somebody repairs the bus."""

TOO_LARGE = Refusal("larger than EventBridge takes", final=True)


class _Left(Exception):
    """Some entries may be taken yet."""


class _Entry(NamedTuple):
    """An event as PutEvents wants it, its bytes, and where it stood among those given."""

    place: int
    body: Mapping[str, Any]
    size: int


type _Refused = dict[int, Refusal]


class EventBridgeBus:
    """One bus; the detail of an entry is the event itself."""

    def __init__(self, client: Any, name: str, waits: wait_base = WAITS) -> None:  # noqa: ANN401 - botocore's
        self._client = client
        self._name = name
        self._waits = waits

    def put(self, events: Sequence[Happening]) -> list[Refusal | None]:
        """Hand events on, ten a call; what became of each. Raises `Unavailable` when a whole call fails."""
        entries = [self._entry(place, event) for place, event in enumerate(events)]
        refused = {entry.place: TOO_LARGE for entry in entries if entry.size > MOST_BYTES}
        for batch in _batches(entry for entry in entries if entry.place not in refused):
            refused |= self._put(batch)
        return [refused.get(place) for place in range(len(events))]

    def _entry(self, place: int, event: Happening) -> _Entry:
        detail = json.dumps(event.model_dump(), default=_plain)
        body = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.type.value,
            "Detail": detail,
            "Time": event.occurred_at,
        }
        return _Entry(place, body, TIME_BYTES + sum(map(len, (SOURCE, event.type.value, detail))))

    def _put(self, batch: Sequence[_Entry]) -> _Refused:
        """Those that were refused, in the end, of the entries of one call."""
        final: _Refused = {}
        passing: _Refused = {}
        for attempt in Retrying(
            retry=retry_if_exception_type(_Left),
            wait=self._waits,
            stop=stop_after_attempt(TRIES),
            retry_error_callback=lambda _: None,
        ):
            with attempt:
                refused = self._call(batch)
                final |= {place: refusal for place, refusal in refused.items() if refusal.final}
                passing = {place: refusal for place, refusal in refused.items() if not refusal.final}
                batch = [entry for entry in batch if entry.place in passing]
                if batch:
                    raise _Left
        return final | passing

    def _call(self, batch: Sequence[_Entry]) -> _Refused:
        """One call; where it is refused as a whole for one of its entries, each is sent by itself."""
        try:
            answer = self._client.put_events(Entries=[entry.body for entry in batch])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in FINAL:
                raise Unavailable(f"The event bus refused: {code}") from None
            if len(batch) == 1:
                return {batch[0].place: Refusal(code, final=True)}
            return {place: refusal for entry in batch for place, refusal in self._call([entry]).items()}
        except BotoCoreError as error:
            raise Unavailable(f"The event bus did not answer: {type(error).__name__}") from None
        codes = ((entry.place, result.get("ErrorCode")) for entry, result in zip(batch, answer["Entries"], strict=True))
        return {place: Refusal(code, final=code in FINAL) for place, code in codes if code}


class SqsDeadLetters:
    """A queue of keys: the events themselves stay in the table, and may be larger than a message."""

    def __init__(self, client: Any, url: str) -> None:  # noqa: ANN401 - botocore's
        self._client = client
        self._url = url

    def put(self, key: Mapping[str, str], reason: str) -> None:
        """Name an event's item, and why it stands here; raises `Unavailable`."""
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps({**key, "reason": reason}))
        except (ClientError, BotoCoreError) as error:
            raise Unavailable(f"The queue of undelivered events did not answer: {type(error).__name__}") from None


def _batches(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Entries of one call: ten at most, and together no larger than a call may be."""
    batch: list[_Entry] = []
    for entry in entries:
        if len(batch) == MOST_ENTRIES or sum(each.size for each in batch) + entry.size > MOST_BYTES:
            yield batch
            batch = []
        batch.append(entry)
    if batch:
        yield batch


def _plain(value: object) -> object:
    """What the table gives back as JSON has it: numbers as numbers, instants in UTC ending in Z."""
    match value:
        case Decimal():
            return float(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written as JSON")
