"""The market feed: an index and one of its option chains at one instant."""

from datetime import date, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.market import Quote
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import chain, expiries
from sandbox.broker.simulator import Floor

YEARS = range(2026, 2101)
"""Years whose contracts are known and whose prices can be asked for."""


class Feed:
    """`GET /feed/{underlying}?expiry=YYYY-MM-DD&at=ISO`; the nearest expiry and now are the defaults."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.routes = [Route("/feed/{underlying}", self.show)]

    async def show(self, request: Request) -> JSONResponse:
        """Prices are texts, so no digit is lost; the same instant always gives the same answer."""
        index = _index(request.path_params["underlying"])
        at = _instant(request.query_params.get("at")) or self._floor.clock()
        expiry = _expiry(index, request.query_params.get("expiry"), at)
        quotes = self._floor.market.chain(chain(index, expiry), at)
        return JSONResponse(
            {
                "underlying": index,
                "as_of": at.isoformat(),
                "spot": str(self._floor.market.spot(index, at)),
                "expiry": expiry.isoformat(),
                "chain": [_line(contract, quote) for contract, quote in quotes.items()],
            }
        )


def _index(text: str) -> Index:
    try:
        return Index(text)
    except ValueError:
        raise HTTPException(404, f"unknown underlying; use one of {', '.join(Index)}") from None


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "at: write an ISO time") from None
    if at.tzinfo is None or at.year not in YEARS:
        raise HTTPException(400, f"at: write an ISO time with its zone, from {YEARS[0]} to {YEARS[-1]}")
    return at


def _expiry(index: Index, text: str | None, at: datetime) -> date:
    listed = expiries(index, at.astimezone(IST).date(), AlwaysOpen())
    days = {day.isoformat(): day for day in listed}
    if text is None:
        return listed[0]
    if text not in days:
        raise HTTPException(404, f"expiry: listed are {', '.join(days)}")
    return days[text]


def _line(contract: Contract, quote: Quote) -> dict[str, str]:
    return {
        "strike": f"{contract.strike:f}",
        "right": contract.right.value,
        "bid": str(quote.bid),
        "ask": str(quote.ask),
        "last": str(quote.last),
    }
