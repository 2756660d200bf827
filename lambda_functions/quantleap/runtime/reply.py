"""An answer, and how its values are written."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """An answer: `body` may hold whatever `plain` can write.

    `secret` names fields that are shown this once: no copy of the answer that is kept has them. An answer that is
    `fresh` is never kept at all: the same request makes another one, and changes nothing lasting. `whole` is a text
    that is sent as it is, in place of a body.
    """

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}
    secret: frozenset[str] = frozenset()
    fresh: bool = False
    whole: str | None = None

    def text(self, before: Mapping[str, Any] | None = None) -> str:
        """The body as JSON, after other fields."""
        if self.whole is not None:
            return self.whole
        return json.dumps({**(before or {}), **self.body}, default=plain)

    def to_keep(self) -> str:
        """The body as JSON without what is shown only once."""
        hidden = dict.fromkeys(self.secret & self.body.keys())
        return json.dumps({**self.body, **hidden}, default=plain)


def plain(value: object) -> object:
    """Decimals as JSON numbers (exact up to 15 digits, more than an amount has), instants in UTC ending in Z."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            parts = "milliseconds" if value.microsecond else "seconds"
            return value.astimezone(UTC).isoformat(timespec=parts).replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written as JSON")
