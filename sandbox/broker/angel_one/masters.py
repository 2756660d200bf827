"""Angel One's instrument list: one JSON array made anew each day, strikes and ticks in paise."""

import json
from datetime import date
from functools import cached_property, lru_cache

from quantleap.domain.contracts import TICK, Contract
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import Listing, listings

EXCHANGE = "NFO"
PAISE = 100

SHARE = {
    "token": "2885",
    "symbol": "RELIANCE-EQ",
    "name": "RELIANCE",
    "expiry": "",
    "strike": "-1.000000",
    "lotsize": "1",
    "instrumenttype": "",
    "exch_seg": "NSE",
    "tick_size": "5.000000",
}
"""The list holds every segment; one line of another stands for them all."""


def symbol(contract: Contract) -> str:
    """`NIFTY01DEC2626000CE`: DDMMMYY, strike, right."""
    return f"{contract.index}{contract.expiry:%d%b%y}{contract.strike:f}{contract.right}".upper()


class Master:
    """One day's list, found by symbol and by token."""

    def __init__(self, on: date) -> None:
        self.by_symbol = {symbol(listing.contract): listing for listing in listings(on, AlwaysOpen())}
        self.by_token = {listing.token: listing for listing in self.by_symbol.values()}

    @cached_property
    def file(self) -> bytes:
        """The file as it is served."""
        rows = [SHARE, *(_row(name, listing) for name, listing in self.by_symbol.items())]
        return json.dumps(rows, separators=(",", ":")).encode()


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def _row(name: str, listing: Listing) -> dict[str, str]:
    contract = listing.contract
    return {
        "token": listing.token,
        "symbol": name,
        "name": contract.index,
        "expiry": f"{contract.expiry:%d%b%Y}".upper(),
        "strike": f"{contract.strike * PAISE:.6f}",
        "lotsize": str(listing.lot_size),
        "instrumenttype": "OPTIDX",
        "exch_seg": EXCHANGE,
        "tick_size": f"{TICK * PAISE:.6f}",
    }
