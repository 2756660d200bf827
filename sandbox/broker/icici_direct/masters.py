"""ICICI Direct's instrument lists: an archive of text files whose columns are known by their places."""

import csv
import io
import zipfile
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import Listing, listings

EXCHANGE = "NFO"
FILE = "FONSEScripMaster.txt"
SHARES = '"Token", "ShortName", "Series", "CompanyName"\n"2885","RELIND","EQ","RELIANCE INDUSTRIES"\n'

COLUMNS = {
    0: "Token",
    1: "InstrumentName",
    2: "ShortName",
    3: "Series",
    4: "ExpiryDate",
    5: "StrikePrice",
    6: "OptionType",
    11: "FreezeQty",
    27: "LotSize",
    28: "TickSize",
    29: "CompanyName",
    30: "ExchangeCode",
}
"""The columns that say something, by their places; the others hold 0."""

WIDTH = 31

NAMES = {
    Index.NIFTY: ("NIFTY", "NIFTY 50"),
    Index.BANKNIFTY: ("CNXBAN", "NIFTY BANK"),
    Index.FINNIFTY: ("NIFFIN", "NIFTY FINANCIAL"),
    Index.MIDCPNIFTY: ("NIFSEL", "NIFTY MIDCAP"),
    Index.NIFTYNXT50: ("NIFNEX", "NIFTY NEXT 50"),
}
"""The broker's short name and the exchange's; the last short name is made up, it is not published."""

RIGHTS = {Right.CE: "Call", Right.PE: "Put"}


class Named(NamedTuple):
    """How a request names a contract."""

    stock_code: str
    expiry: date
    right: str
    strike: str


def named(contract: Contract) -> Named:
    """The four fields of a contract, the right as it is told."""
    return Named(NAMES[contract.index][0], contract.expiry, RIGHTS[contract.right], f"{contract.strike:f}")


def symbol(contract: Contract) -> str:
    """How the simulator's own pages show a contract."""
    name = named(contract)
    return f"{name.stock_code}-{name.expiry:%d-%b-%Y}-{name.strike}-{contract.right}"


class Master:
    """One day's list, found by symbol and by the four fields."""

    def __init__(self, on: date) -> None:
        self.by_symbol = {symbol(listing.contract): listing for listing in listings(on, AlwaysOpen())}
        self.by_name = {named(listing.contract): listing for listing in self.by_symbol.values()}

    @cached_property
    def archive(self) -> bytes:
        """The archive as it is served, other exchanges' files before the one of derivatives."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([COLUMNS.get(place, f"Column{place}") for place in range(WIDTH)])
        writer.writerows(_row(listing) for listing in self.by_symbol.values())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo("NSEScripMaster.txt"), SHARES)
            archive.writestr(zipfile.ZipInfo(FILE), text.getvalue(), zipfile.ZIP_DEFLATED)
        return packed.getvalue()


@lru_cache(maxsize=2)
def master(on: date) -> Master:
    """The list of that day."""
    return Master(on)


def _row(listing: Listing) -> list[object]:
    contract = listing.contract
    short, long = NAMES[contract.index]
    told = {
        "Token": listing.token,
        "InstrumentName": "OPTIDX",
        "ShortName": short,
        "Series": "OPTION",
        "ExpiryDate": f"{contract.expiry:%d-%b-%Y}",
        "StrikePrice": f"{contract.strike:f}",
        "OptionType": contract.right.value,
        "LotSize": listing.lot_size,
        "TickSize": int(TICK * 100),
        "CompanyName": long,
        "ExchangeCode": long,
    }
    return [told.get(COLUMNS.get(place, ""), 0) for place in range(WIDTH)]
