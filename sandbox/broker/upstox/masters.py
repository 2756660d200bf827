"""Upstox's instrument list of NSE: packed JSON made anew each day, ticks in paise, expiries in milliseconds."""

import gzip
import json
from datetime import date, datetime, time
from functools import cached_property, lru_cache

from quantleap.domain.clock import IST
from quantleap.domain.contracts import TICK, Contract, ExpiryType
from quantleap.domain.series import expiry_date
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import Listing, listings

SEGMENT = "NSE_FO"
EXPIRES = time(23, 59, 59)
NAMES = {"NIFTY": "Nifty 50", "BANKNIFTY": "Nifty Bank", "FINNIFTY": "Nifty Fin Service"}
"""What the exchange calls an index; where it is missing, the name is not simulated to the letter."""


class Master:
    """One day's list, found by instrument key."""

    def __init__(self, on: date) -> None:
        self.by_key = {key(listing.token): listing for listing in listings(on, AlwaysOpen())}

    @cached_property
    def file(self) -> bytes:
        """The file as it is served."""
        rows = [_row(listing) for listing in self.by_key.values()]
        return gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), 1, mtime=0)


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def key(token: str) -> str:
    """`NSE_FO|51234`, the name of an instrument in every call."""
    return f"{SEGMENT}|{token}"


def symbol(contract: Contract) -> str:
    """`NIFTY 26000 CE 01 DEC 26`, for people to read."""
    return f"{contract.index} {contract.strike:f} {contract.right} {contract.expiry:%d %b %y}".upper()


def _row(listing: Listing) -> dict[str, object]:
    contract = listing.contract
    underlying = f"NSE_INDEX|{NAMES.get(contract.index, contract.index)}"
    monthly = expiry_date(contract.index, ExpiryType.MONTHLY, contract.expiry, AlwaysOpen())
    return {
        "weekly": monthly != contract.expiry,
        "segment": SEGMENT,
        "name": contract.index,
        "exchange": "NSE",
        "expiry": int(datetime.combine(contract.expiry, EXPIRES, IST).timestamp() * 1000),
        "instrument_type": contract.right,
        "asset_symbol": contract.index,
        "underlying_symbol": contract.index,
        "instrument_key": key(listing.token),
        "lot_size": listing.lot_size,
        "freeze_quantity": float(listing.freeze_quantity),
        "exchange_token": listing.token,
        "minimum_lot": listing.lot_size,
        "underlying_key": underlying,
        "tick_size": float(TICK * 100),
        "underlying_type": "INDEX",
        "trading_symbol": symbol(contract),
        "strike_price": float(contract.strike),
        "qty_multiplier": 1.0,
    }
