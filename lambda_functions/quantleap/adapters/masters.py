"""Lists of contracts in S3: one gzipped object for each broker and day, in columns.

Contracts that differ in strike only are one row of three columns: of 12,000 contracts fewer than 200 rows are left,
and Python's JSON reader builds the columns in C.
"""

import gzip
import json
import logging
import zlib
from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.instruments import Flaw, Listed, Master

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

FORM = 1
"""Of the layout; an object of another form counts as missing and is made anew."""

UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, ArithmeticError)


class S3MasterStore:
    """Objects are named `masters/{broker}/{2026-11-23}`."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, broker_id: str, day: date) -> Master | None:
        """The list that serves that day; None where there is none, or none that can be read."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=_key(broker_id, day))["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        try:
            return loads(body)
        except UNREADABLE as error:
            log.error("%s: %s", _key(broker_id, day), type(error).__name__)  # noqa: TRY400 - the trace says no more
            return None

    def write(self, master: Master) -> None:
        """Store a list over what was there for its day."""
        self._client.put_object(
            Bucket=self._bucket,
            Key=_key(master.broker_id, master.day),
            Body=dumps(master),
            ContentType="application/gzip",
        )


def dumps(master: Master) -> bytes:
    """A list as it is stored."""
    head = {
        "form": FORM,
        "broker_id": master.broker_id,
        "day": master.day.isoformat(),
        "made_on": master.made_on.isoformat(),
        "flaw": master.flaw,
        "rows": _rows(master.listed),
    }
    return gzip.compress(json.dumps(head, separators=(",", ":")).encode(), mtime=0)


def _rows(listed: Listed) -> list[list[Any]]:
    """What contracts share, then their strikes, symbols and tokens side by side."""
    columns: dict[tuple[Any, ...], tuple[list[str], list[str], list[str]]] = defaultdict(lambda: ([], [], []))
    for (index, expiry, strike, right), each in listed.items():
        shared = (index, expiry.isoformat(), right, each.exchange, each.lot_size, str(each.tick), each.freeze_quantity)
        for column, value in zip(columns[shared], (str(strike), each.symbol, each.token), strict=True):
            column.append(value)
    return [[*shared, *three] for shared, three in columns.items()]


def loads(body: bytes) -> Master:
    """Read what `dumps` made; raises one of `UNREADABLE` for anything else."""
    head = json.loads(gzip.decompress(body))
    if head["form"] != FORM:
        raise ValueError("another form")
    flaw = head["flaw"]
    return Master(
        broker_id=head["broker_id"],
        day=date.fromisoformat(head["day"]),
        made_on=date.fromisoformat(head["made_on"]),
        listed=_listed(head["rows"]),
        flaw=None if flaw is None else Flaw(flaw),
    )


def _listed(rows: list[list[Any]]) -> dict[Contract, Instrument]:
    found: dict[Contract, Instrument] = {}
    for index_name, expiry_text, right_name, exchange, lot, tick_text, freeze, strikes, symbols, tokens in rows:
        index, expiry, right, tick = (
            Index(index_name),
            date.fromisoformat(expiry_text),
            Right(right_name),
            Decimal(tick_text),
        )
        if not tick.is_finite():
            raise ValueError("no tick")
        for strike, symbol, token in zip(map(Decimal, strikes), symbols, tokens, strict=True):
            if not strike.is_finite():
                raise ValueError("no strike")
            contract = Contract(index, expiry, strike, right)
            found[contract] = Instrument(contract, exchange, symbol, token, lot, tick, freeze)
    return found


def _key(broker_id: str, day: date) -> str:
    return f"masters/{broker_id}/{day.isoformat()}"
