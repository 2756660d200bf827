"""Zerodha's instrument list of NSE's derivatives: a CSV file made anew each day."""

import csv
import io
from datetime import date
from functools import cached_property, lru_cache

from quantleap.domain.contracts import TICK
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.kite import COLUMNS, EXCHANGE, instrument_token, symbol
from sandbox.broker.listing import Listing, listings


class Master:
    """One day's list, found by symbol."""

    def __init__(self, on: date) -> None:
        self.by_symbol = {symbol(listing.contract): listing for listing in listings(on, AlwaysOpen())}

    @cached_property
    def file(self) -> bytes:
        """The file as it is served."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(name, listing) for name, listing in self.by_symbol.items())
        return text.getvalue().encode()


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def _row(name: str, listing: Listing) -> tuple[object, ...]:
    contract = listing.contract
    return (
        instrument_token(listing),
        listing.token,
        name,
        contract.index,
        "0",
        contract.expiry.isoformat(),
        f"{contract.strike:f}",
        TICK,
        listing.lot_size,
        contract.right,
        "NFO-OPT",
        EXCHANGE,
    )
