"""What every order says, whatever it trades: which way, and for how long.

Apart from baskets, so that talking to a broker needs none of their models.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Side(StrEnum):
    """Which way a leg enters."""

    BUY = "BUY"
    SELL = "SELL"


class Product(StrEnum):
    """Closed the same day, or carried."""

    INTRADAY = "INTRADAY"
    CARRY = "CARRY"


class SquareOff(NamedTuple):
    """The instant a broker begins to close intraday positions itself; whether a source of the broker's says so."""

    at: datetime
    confirmed: bool
