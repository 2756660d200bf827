"""Zebu's names for what is listed, and its instrument list: a zipped CSV made anew each day."""

import csv
import io
import zipfile
from collections.abc import Mapping
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import Listing, listings

COLUMNS = (
    "Exchange",
    "Token",
    "LotSize",
    "Symbol",
    "TradingSymbol",
    "Expiry",
    "Instrument",
    "OptionType",
    "StrikePrice",
    "TickSize",
)
EXCHANGE = "NFO"

INDEX_TOKENS = {
    "26000": Index.NIFTY,
    "26009": Index.BANKNIFTY,
    "26037": Index.FINNIFTY,
    "26074": Index.MIDCPNIFTY,
    "26013": Index.NIFTYNXT50,
}
"""Tokens of the indexes themselves, on exchange NSE."""


def symbol(contract: Contract) -> str:
    """`NIFTY01DEC26C26000`: DDMMMYY, C or P, strike."""
    right = "C" if contract.right is Right.CE else "P"
    return f"{contract.index}{contract.expiry:%d%b%y}{right}{contract.strike:f}".upper()


class Described(NamedTuple):
    """How SpanCalc names a contract."""

    instname: str
    symname: str
    exd: str
    optt: str
    strprc: str


class Master:
    """One day's list, found by symbol and by token."""

    def __init__(self, on: date) -> None:
        self.by_symbol = {symbol(listing.contract): listing for listing in listings(on, AlwaysOpen())}
        self.by_token = {listing.token: listing for listing in self.by_symbol.values()}

    @cached_property
    def by_described(self) -> Mapping[Described, Listing]:
        """Contracts as SpanCalc names them."""
        return {_described(listing.contract): listing for listing in self.by_symbol.values()}

    @cached_property
    def archive(self) -> bytes:
        """The file as Zebu serves it."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(name, listing) for name, listing in self.by_symbol.items())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo("NFO_symbols.txt"), text.getvalue(), zipfile.ZIP_DEFLATED)
        return packed.getvalue()


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def _described(contract: Contract) -> Described:
    expiry = f"{contract.expiry:%d-%b-%Y}".upper()
    return Described("OPTIDX", contract.index, expiry, contract.right, f"{contract.strike:.2f}")


def _row(name: str, listing: Listing) -> tuple[object, ...]:
    contract = listing.contract
    return (
        EXCHANGE,
        listing.token,
        listing.lot_size,
        contract.index,
        name,
        f"{contract.expiry:%d-%b-%Y}".upper(),
        "OPTIDX",
        contract.right,
        f"{contract.strike:f}",
        TICK,
    )
