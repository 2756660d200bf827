"""Prices from the feed a stage names: JSON over HTTP, one index and one expiry a request."""

import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from quantleap.domain.broker import Answer, BrokerFailure, Request
from quantleap.domain.contracts import Index, Right
from quantleap.domain.errors import Unavailable
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.ports import Http


class HttpMarketFeed:
    """`GET {url}/feed/NIFTY?expiry=2026-11-23`."""

    def __init__(self, http: Http, url: str | None) -> None:
        self._http = http
        self._url = url

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        """The index and the options of one expiry now; an answer that cannot be read is no market."""
        if self._url is None:
            message = "this stage names no market feed"
            raise Unavailable(message, code="no_market_feed")
        request = Request("GET", self._url, f"/feed/{index}?expiry={expiry.isoformat()}", {}, b"")
        try:
            return _snapshot(index, self._http.send(request, timeout_s=3))
        except (BrokerFailure, ValueError, KeyError, TypeError, InvalidOperation) as error:
            message = f"the market feed gave no usable answer: {type(error).__name__}"
            raise Unavailable(message, code="market_feed_failed") from None


def _snapshot(index: Index, answer: Answer) -> Snapshot:
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        message = f"HTTP {answer.status}"
        raise ValueError(message)
    body: dict[str, Any] = json.loads(answer.body)
    return Snapshot(
        index=index,
        as_of=datetime.fromisoformat(body["as_of"]),
        spot=Decimal(body["spot"]),
        chain={
            (Decimal(row["strike"]), Right(row["right"])): Quote(
                bid=Decimal(row["bid"]), ask=Decimal(row["ask"]), last=Decimal(row["last"])
            )
            for row in body["chain"]
        },
    )
