"""mStock's script master: Kite Connect's columns, and symbols, tokens of the exchange's own numbers."""

import csv
import io
from datetime import date
from functools import cached_property, lru_cache

from quantleap.domain.contracts import TICK
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.kite import COLUMNS, EXCHANGE, symbol
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
    expiry, strike = contract.expiry.isoformat(), f"{contract.strike:f}"
    return (
        *(listing.token, listing.token, name, contract.index, "0", expiry, strike, TICK, listing.lot_size),
        *(contract.right, "OPTIDX", EXCHANGE),
    )
