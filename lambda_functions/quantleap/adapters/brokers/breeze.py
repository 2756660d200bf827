"""How Breeze, ICICI Direct's API, names contracts, and its list of them.

A contract has no symbol there but four fields, one of them the broker's own short name of the underlying. Its symbol
is ours: the four as a text.
"""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from quantleap.adapters.brokers import reading
from quantleap.domain.broker import Answer, Catalogue, Instrument
from quantleap.domain.contracts import Contract, Index, Right

EXCHANGE = "NFO"

RIGHTS = {Right.CE: "call", Right.PE: "put"}
OUR_RIGHTS = {word: right for right, word in RIGHTS.items()}

INDEXES = {
    "NIFTY": Index.NIFTY,
    "CNXBAN": Index.BANKNIFTY,
    "NIFFIN": Index.FINNIFTY,
    "NIFSEL": Index.MIDCPNIFTY,
    "NIFTY NEXT 50": Index.NIFTYNXT50,
}
"""By the broker's short name, or where that is not published by the exchange's name beside it."""

NSE_FILE = "FONSE"
"""Part of the name of the archive's file of NSE's derivatives."""


def stock(instrument: Instrument) -> str:
    """The broker's short name of the underlying, which the symbol begins with."""
    return instrument.symbol.partition("-")[0]


def fields(instrument: Instrument) -> dict[str, str]:
    """The three other fields of a contract, as requests have them."""
    contract = instrument.contract
    return {
        "expiry_date": f"{contract.expiry}T06:00:00.000Z",
        "right": RIGHTS[contract.right],
        "strike_price": _plain(contract.strike),
    }


def symbol(line: Mapping[str, Any]) -> str:
    """The symbol of the contract that a line of an answer is of."""
    name, expiry, word = (reading.text(line.get(field)).strip() for field in ("stock_code", "expiry_date", "right"))
    strike, right = reading.price(line.get("strike_price")), OUR_RIGHTS.get(word.lower(), "")
    return _symbol(name, expiry, strike or Decimal(), right)


def catalogue(answer: Answer) -> Catalogue:
    """The index options of the archive; the columns of its files are known by their places."""
    return reading.listed(answer, _lines, _instrument)


def _lines(body: bytes) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(_file(body).decode("utf-8-sig"), newline=""), skipinitialspace=True)


def _file(body: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        [name] = [name for name in archive.namelist() if NSE_FILE in name.upper()]
        with archive.open(name) as file:
            found = file.read(reading.MOST_BYTES + 1)
    if len(found) > reading.MOST_BYTES:
        raise ValueError("too large")
    return found


def _instrument(row: Sequence[str]) -> Instrument | None:
    """Ticks are in paise, strikes in rupees."""
    index = INDEXES.get(row[2]) or INDEXES.get(row[30]) if row[1:2] == ["OPTIDX"] else None
    if index is None:
        return None
    expiry = datetime.strptime(row[4], "%d-%b-%Y").date()  # noqa: DTZ007 - a day, not an instant
    contract = Contract(index, expiry, reading.listed_price(row[5]), Right(row[6]))
    return Instrument(
        contract=contract,
        exchange=EXCHANGE,
        symbol=_symbol(row[2], row[4], contract.strike, contract.right),
        token=reading.listed_name(row[0]),
        lot_size=reading.listed_units(row[27]),
        tick=reading.listed_price(row[28]).scaleb(-2),
    )


def _symbol(name: str, expiry: str, strike: Decimal, right: str) -> str:
    """`CNXBAN-29-Dec-2026-58500-PE`."""
    return f"{name}-{expiry.title()}-{_plain(strike)}-{right}"


def _plain(strike: Decimal) -> str:
    return f"{strike.normalize():f}"
