"""What every order says, whatever it trades: which way, and for how long.

Apart from baskets, so that talking to a broker needs none of their models.
"""

from enum import StrEnum


class Side(StrEnum):
    """Which way a leg enters."""

    BUY = "BUY"
    SELL = "SELL"


class Product(StrEnum):
    """Closed the same day, or carried."""

    INTRADAY = "INTRADAY"
    CARRY = "CARRY"
