"""The indexes that options are listed on, and their kinds of series."""

from enum import StrEnum


class Index(StrEnum):
    """An NSE index that options are listed on."""

    NIFTY = "NIFTY"
    BANKNIFTY = "BANKNIFTY"
    FINNIFTY = "FINNIFTY"
    MIDCPNIFTY = "MIDCPNIFTY"
    NIFTYNXT50 = "NIFTYNXT50"


class ExpiryType(StrEnum):
    """Which series of an index; the week that ends a month has one contract, which is both."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
