"""Dated facts in an answer: what was written, beside what the release holds."""

from collections.abc import Sequence
from typing import Any

from quantleap.domain.market_data import ROWS, DataKind, Row
from quantleap.domain.market_data_changes import Written
from quantleap.domain.shipped import SHIPPED
from quantleap.services.market_data import Overview

type Body = dict[str, Any]


def overview(shown: Overview) -> Body:
    """Every kind with the state it is in."""
    return {
        "kinds": [_head(each) | {"rows": len(each.rows)} for each in shown.written],
        "sessions_end_on": shown.horizon.last_day,
        "warning": shown.horizon.warning,
    }


def one(written: Written) -> Body:
    """What was written of a kind, and under it the rows of the release."""
    return {**_version(written), "shipped": _rows(SHIPPED.rows(ROWS[written.kind]))}


def versions(kind: DataKind, found: Sequence[Written]) -> Body:
    """Everything that was ever written of a kind."""
    return {"kind": kind, "versions": [_version(each) for each in found], "count": len(found)}


def _version(written: Written) -> Body:
    return {**_head(written), "rows": _rows(written.facts)}


def _head(written: Written) -> Body:
    names = ("kind", "version", "changed_by", "changed_at")
    return {name: getattr(written, name) for name in names}


def _rows(rows: Sequence[Row]) -> list[Body]:
    return [row.model_dump() for row in rows]
