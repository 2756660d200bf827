"""What every adapter reads the same way: bodies that may be anything, and numbers that may be texts or missing.

Nothing here crashes on what a broker sent: a body is read or `Unknown`, a number is read or absent.
"""

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from quantleap.adapters.packing import GZIP, inflated
from quantleap.domain.broker import Answer, Catalogue, Instrument, RateLimited, Unknown
from quantleap.domain.contracts import Contract
from quantleap.domain.trading import Side

OK = 200
TOO_MANY = 429
SERVER_ERROR = 500

MOST_BYTES = 64 * 1024 * 1024
"""More than any broker's list of contracts unpacked; a larger one is no list to trust."""

LONGEST = 16_384
"""Characters of a text; tokens have some thousand, everything else fewer."""

WHOLE = re.compile(r"(-?\d{1,12}|-?\d{1,3}(,\d{2,3}){1,4})(\.0{1,6})?", re.ASCII)
"""Digits, or groups of them with commas as India or the West sets them."""

SIDES = {"B": Side.BUY, "S": Side.SELL}

LONGEST_FRACTION = 400
"""Digits; as many as a binary fraction may be written with."""

NUMBER = re.compile(rf"-?\d{{1,12}}(\.\d{{1,{LONGEST_FRACTION}}})?", re.ASCII)

FINEST = Decimal("0.000001")
"""Rupees finer than this are the dust of somebody's binary fractions: over a million units it is one rupee."""

type Row = Mapping[str, Any]


def document(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """The body as JSON, fractions as decimals; `RateLimited` for HTTP 429, `Unknown` for what is no JSON."""
    if answer.status == TOO_MANY:
        raise RateLimited(said(answer))
    try:
        return DECODER.decode(answer.body.decode(json.detect_encoding(answer.body), "surrogatepass"))
    except (ValueError, RecursionError, InvalidOperation):
        raise Unknown(said(answer)) from None


def said(answer: Answer) -> str:
    """What can be told of an answer that cannot be read."""
    return f"HTTP {answer.status}, {len(answer.body)} bytes that say no more"


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of a list, whatever else is in it; a value that is no list is `Unknown`."""
    if not isinstance(value, list):
        raise Unknown("a list was promised and something else came")
    return [row for row in value if isinstance(row, dict)]


def fields(value: object) -> dict[str, Any]:
    """An object; a list of one object counts as that, anything else is `Unknown`."""
    found = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(found, dict):
        raise Unknown("an object was promised and something else came")
    return found


def text(value: object) -> str:
    """A text or a number as a text that can be stored; empty for anything else."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        return ""
    found = str(value)[:LONGEST]
    return found if found.isascii() else found.encode("utf-8", "replace").decode()


def texts(line: Row, *names: str) -> str:
    """What some fields say, each text once, as one."""
    return " / ".join(dict.fromkeys(filter(None, (text(line.get(name)) for name in names))))


def within(value: object, *path: str | int) -> object:
    """What lies at a path of names and places, None where there is no such path."""
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def token(value: object) -> str:
    """A session's token; an answer without one is `Unknown`."""
    return _present(value, "a login without a token")


def client_id(value: object) -> str:
    """Whose it is; an answer that does not say is `Unknown`."""
    return _present(value, "an answer that does not say whose it is")


def order_id(value: object) -> str:
    """A broker's order id; an answer without one is `Unknown`, never "not placed"."""
    return _present(None if text(value) == "0" else value, "accepted without an order id")


def whole(value: object) -> int:
    """A whole number, 0 where there is none."""
    return _number(value) or 0


def units(value: object) -> int | None:
    """Units of an order; None where there is no such number, which is not the same as 0."""
    found = _number(value)
    return found if found is not None and found >= 0 else None


def _number(value: object) -> int | None:
    found = text(value).strip()
    return int(Decimal(found.replace(",", ""))) if WHOLE.fullmatch(found) else None


def side(value: object) -> Side | None:
    """Whether an order buys or sells, by the first letter of any broker's word for it."""
    return SIDES.get(text(value).strip().upper()[:1])


def amount(value: object) -> Decimal | None:
    """Rupees, which may be negative, to the millionth; None where there is no number."""
    written = _written(value).strip().replace(",", "")
    return rounded(Decimal(written)) if NUMBER.fullmatch(written) else None


def rounded(number: Decimal) -> Decimal:
    """Without the dust of binary fractions, and without the noughts that rounding leaves."""
    to_the_finest = number.quantize(FINEST)
    return number if to_the_finest == number else Decimal(f"{to_the_finest:f}".rstrip("0")) + 0


def _written(value: object) -> str:
    """A number of JSON in digits, however small or round: `1E+2` is 100."""
    small = isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < LONGEST_FRACTION
    return f"{value:f}" if small else text(value)


def price(value: object) -> Decimal | None:
    """A price above 0, or None."""
    found = amount(value)
    return found if found is not None and found > 0 else None


def listed_price(value: object) -> Decimal:
    """A strike or tick of a list, in the list's own unit; `ValueError` for what is no number above 0."""
    found = price(value)
    if found is None:
        raise ValueError("no price")
    return found


def listed_units(value: object) -> int:
    """A lot size of a list; `ValueError` for what is no whole number above 0."""
    found = whole(value)
    if found <= 0:
        raise ValueError("no units")
    return found


def listed_name(value: object) -> str:
    """A symbol or token of a list; `ValueError` for none."""
    found = text(value).strip()
    if not found:
        raise ValueError("no name")
    return found


def money(value: object) -> Decimal:
    """Rupees that an answer must hold; without them it is `Unknown`."""
    found = amount(value)
    if found is None:
        raise Unknown("an amount is missing")
    return found


def listed[T](
    answer: Answer, lines: Callable[[bytes], Iterable[T]], read: Callable[[T], Instrument | None]
) -> Catalogue:
    """A list of contracts; one that cannot be read to its end, is empty, or has too many odd lines is `Unknown`.

    `read` makes an instrument of a line, None of one that is no index option, and raises over what cannot be read. Such
    a line is left out and counted, and so are two that contradict each other.
    """
    if answer.status != OK:
        raise Unknown(said(answer))
    found: dict[Contract, Instrument] = {}
    contradicted: set[Contract] = set()
    odd = 0
    try:
        for line in lines(answer.body):
            instrument, is_odd = _instrument(line, read)
            odd += is_odd
            if instrument is not None and found.setdefault(instrument.contract, instrument) != instrument:
                contradicted.add(instrument.contract)
    except (zipfile.BadZipFile, zlib.error, csv.Error, *BROKEN) as error:
        raise Unknown(f"unreadable list: {type(error).__name__}") from None
    good = {contract: each for contract, each in found.items() if contract not in contradicted}
    odd += len(contradicted)
    if odd > (len(good) + odd) * MOST_ODD:
        raise Unknown(f"a list with {odd} odd lines beside {len(good)} good ones")
    if not good:
        raise Unknown("a list without a single index option")
    return Catalogue(good, odd)


def _instrument[T](line: T, read: Callable[[T], Instrument | None]) -> tuple[Instrument | None, bool]:
    """What a line is of, and whether it is one that cannot be read."""
    try:
        return read(line), False
    except BROKEN:
        return None, True


MOST_ODD = Fraction(1, 20)
"""Of a list's index options, those that may be odd.

A stray line, or a new series that is half set up, is a few in thousands; what goes wrong with a column (its place,
its format) goes wrong with nearly all. In between, an index that lost half of its contracts is noticed beside the last
list.
"""


BROKEN = (LookupError, ValueError, TypeError, InvalidOperation, RuntimeError, NotImplementedError, EOFError, OSError)
"""What the standard library raises over missing columns, wrong cells and damaged archives."""


def unzipped(body: bytes) -> bytes:
    """The first file of an archive; `ValueError` when it would unpack to more than `MOST_BYTES`."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as file:
        return _whole_of(file.read(MOST_BYTES + 1))


def gunzipped(body: bytes) -> bytes:
    """A gzip body unpacked, any other as it is; `ValueError` for a damaged one, or one beyond `MOST_BYTES`."""
    return inflated(body, GZIP, MOST_BYTES) if body.startswith(b"\x1f\x8b") else body


def table(body: bytes) -> Iterator[dict[str, str]]:
    """The lines of a CSV file with a head line; a line that is too short has None for what is missing."""
    return csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))


def _present(value: object, without: str) -> str:
    found = text(value).strip()
    if not found:
        raise Unknown(without)
    return found


def _whole_of(unpacked: bytes) -> bytes:
    if len(unpacked) > MOST_BYTES:
        raise ValueError("too large")
    return unpacked


def _no_number(constant: str) -> None:
    raise ValueError(constant)


DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_number)
"""Made once: `json.loads` makes one for each answer, which takes as long as reading it."""
