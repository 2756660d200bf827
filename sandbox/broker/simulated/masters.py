"""The list of contracts: one JSON document a day."""

from datetime import date
from functools import cached_property, lru_cache

from quantleap.domain.contracts import TICK, Contract
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import Listing, listings
from sandbox.broker.simulated.wire import ok

EXCHANGE = "NFO"


class Master:
    """One day's list, found by symbol."""

    def __init__(self, on: date) -> None:
        self.by_symbol = {symbol(listing.contract): listing for listing in listings(on, AlwaysOpen())}

    @cached_property
    def file(self) -> bytes:
        """The document as it is served."""
        return ok([_row(name, listing) for name, listing in self.by_symbol.items()])


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def symbol(contract: Contract) -> str:
    """`NIFTY-20261201-26000-CE`."""
    return f"{contract.index}-{contract.expiry:%Y%m%d}-{contract.strike:f}-{contract.right}"


def _row(name: str, listing: Listing) -> dict[str, object]:
    contract = listing.contract
    return {
        "symbol": name,
        "exchange": EXCHANGE,
        "token": listing.token,
        "index": contract.index,
        "expiry": contract.expiry.isoformat(),
        "strike": f"{contract.strike:f}",
        "right": contract.right,
        "lot": listing.lot_size,
        "tick": str(TICK),
        "freeze": listing.freeze_quantity,
    }
