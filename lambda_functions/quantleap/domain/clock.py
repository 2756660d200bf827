"""Time as the domain sees it: handed in, aware, and shown in India's zone."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, ValidationInfo

from quantleap.domain.model import OUTSIDE

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India has kept one offset and no summer time since 1945, so no zone data need be carried."""

type Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime; rules take one, they never ask the machine."""

BEGINNING, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _iso_text(value: object) -> object:
    """A number is no time, though it could be read as seconds since 1970."""
    if not isinstance(value, datetime) and re.match(r"\d{4}-\d\d-\d\d[Tt ]", str(value), re.ASCII) is None:
        raise ValueError("Write a time with its offset, such as 2026-11-24T09:20:00+05:30")
    return value


def _of_our_time(value: datetime, info: ValidationInfo) -> datetime:
    """Near the calendar's ends a time cannot even be told in another zone."""
    if info.context == OUTSIDE and not BEGINNING <= value < END:
        raise ValueError(f"Must lie in the years {BEGINNING.year} to {END.year - 1}")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_iso_text), AfterValidator(_of_our_time)]
"""An aware instant, as somebody outside may write it."""


def _clock_text(value: object) -> object:
    if not isinstance(value, time) and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", str(value), re.ASCII):
        raise ValueError("write it as HH:MM, 24 hours, IST")
    return value


ClockTime = Annotated[
    time,
    BeforeValidator(_clock_text),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
]
"""A minute of the day in IST, `"09:20"` on the wire."""
