"""The simulated broker's list of contracts, read apart from the platform so that the two can be compared."""

import csv
import io
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import urllib3

LIST = "/zebu/NFO_symbols.txt.zip"


class Listed(NamedTuple):
    """What the broker says of a contract."""

    lot_size: int
    tick: Decimal


def listed(broker_url: str) -> Mapping[str, Listed]:
    """Every contract by its trading symbol."""
    packed = urllib3.PoolManager().request("GET", broker_url + LIST).data
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    return {
        row["TradingSymbol"]: Listed(int(row["LotSize"]), Decimal(row["TickSize"])) for row in csv.DictReader(lines)
    }
