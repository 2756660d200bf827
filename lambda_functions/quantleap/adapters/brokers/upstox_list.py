"""Upstox's list of contracts: one JSON list of everything on NSE, tens of megabytes unpacked."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from quantleap.adapters.brokers import reading
from quantleap.domain.broker import Answer, Catalogue, Instrument
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index, Right

SEGMENT = "NSE_FO"

LATEST_S = 32_503_680_000
"""Seconds until the year 3000; no contract expires later."""


def catalogue(answer: Answer) -> Catalogue:
    """The index options of the list, packed or not."""
    return reading.listed(answer, lambda body: _objects(reading.gunzipped(body).decode("utf-8-sig")), _instrument)


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON list one by one: all at once take ten times the file's size; `ValueError` if it breaks."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    at = _after(text, 0, "[")
    while True:
        row, end = decoder.raw_decode(text, at)
        yield row
        if text[_blank(text, end)] == "]":
            return
        at = _after(text, end, ",")


def _after(text: str, start: int, mark: str) -> int:
    """Where the next object begins, behind a mark that has to be there."""
    at = _blank(text, start)
    if text[at] != mark:
        raise ValueError(f"no {mark} in the list")
    return _blank(text, at + 1)


def _blank(text: str, start: int) -> int:
    while text[start].isspace():
        start += 1
    return start


def _instrument(row: Mapping[str, Any]) -> Instrument | None:
    if row["segment"] != SEGMENT or row["instrument_type"] not in Right or row["underlying_symbol"] not in Index:
        return None
    strike, tick = reading.listed_price(row["strike_price"]), reading.listed_price(row["tick_size"])
    expires_s = row["expiry"] // 1000
    if not 0 < expires_s < LATEST_S:
        raise ValueError("no day")
    expiry = datetime.fromtimestamp(expires_s, IST).date()
    return Instrument(
        contract=Contract(Index(row["underlying_symbol"]), expiry, strike, Right(row["instrument_type"])),
        exchange=SEGMENT,
        symbol=reading.listed_name(row["trading_symbol"]),
        token=reading.listed_name(row["instrument_key"]),
        lot_size=reading.listed_units(row["lot_size"]),
        tick=tick / 100 if tick >= 1 else tick,  # in paise, as the documentation shows; in rupees in older files
        freeze_quantity=max(0, reading.whole(row.get("freeze_quantity"))) or None,
    )
