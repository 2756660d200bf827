"""Index options by what everybody calls them; a broker's own names are in its list of instruments.

What is listed of them, in which sizes and until when, is in `series.py`.
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quantleap.domain.indexes import ExpiryType, Index

__all__ = ["TICK", "Contract", "ExpiryType", "Index", "NotListed", "Right"]

TICK = Decimal("0.05")
"""The step of every index option's price as shipped: what the sandbox lists."""


class Right(StrEnum):
    """What an option gives: the right to buy (CE) or to sell (PE); both are European."""

    CE = "CE"
    PE = "PE"


class Contract(NamedTuple):
    """One option, whatever a broker calls it."""

    index: Index  # type: ignore[assignment]  # the market's word hides tuple.index, which has no use here
    expiry: date
    strike: Decimal
    right: Right


class NotListed(LookupError):
    """The exchange lists no such series, or the facts do not reach back that far."""
