"""Time as the domain sees it: handed in, aware, and shown in India's zone."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India has kept one offset and no summer time since 1945, so no zone data need be carried."""

type Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime; rules take one, they never ask the machine."""
