"""Time as the domain sees it: handed in, aware, and shown in India's zone."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")

type Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime; rules take one, they never ask the machine."""
