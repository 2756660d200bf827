"""The control API: what tests and demonstrations set and read, apart from any broker's wire format."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from quantleap.domain.contracts import TICK
from sandbox.broker.accounts import LoginRefused
from sandbox.broker.behaviour import Behaviour
from sandbox.broker.book import Order, repeated_tags
from sandbox.broker.simulator import Firm, Simulator


class AppDraft(BaseModel):
    """An app to make known."""

    model_config = ConfigDict(extra="forbid")

    api_key: str = Field(min_length=1, max_length=256)
    api_secret: str = Field(min_length=1, max_length=512)
    broker: str | None = None


class ClientName(BaseModel):
    """One client."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(min_length=1, max_length=40)
    broker: str | None = None


class Control:
    """Routes below `/control`."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.routes = [
            Route("/control/health", self.health),
            Route("/control/orders", self.orders),
            Route("/control/behaviour", self.behaviour),
            Route("/control/behaviour", self.behave, methods=["PUT"]),
            Route("/control/reset", self.reset, methods=["POST"]),
            Route("/control/apps", self.register, methods=["POST"]),
            Route("/control/sessions/expire", self.expire, methods=["POST"]),
        ]

    async def health(self, _: Request) -> JSONResponse:
        """Whether it runs, and with what."""
        settings = self._simulator.floor.settings
        return JSONResponse(
            {
                "status": "ok",
                "time": self._simulator.floor.clock().isoformat(),
                "seed": settings.seed,
                "market_hours": settings.market_hours,
            }
        )

    async def orders(self, request: Request) -> JSONResponse:
        """Every order as it arrived, or one broker's, client's or tag's; repeated tags apart."""
        wanted = {name: request.query_params.get(name) for name in ("broker", "client_id", "tag")}
        found = [(firm, order) for firm, order in self._simulator.orders() if _fits(firm, order, wanted)]
        repeated = [
            {"broker": firm.name, "client_id": client_id, "tag": tag, "order_ids": numbers}
            for firm in self._simulator.firms.values()
            for (client_id, tag), numbers in repeated_tags(order for at, order in found if at is firm).items()
        ]
        views = [_view(firm, order) for firm, order in found]
        return JSONResponse({"count": len(views), "orders": views, "duplicate_tags": repeated})

    async def behaviour(self, _: Request) -> JSONResponse:
        """How the broker behaves."""
        return JSONResponse(self._simulator.floor.temper.behaviour.model_dump(mode="json"))

    async def behave(self, request: Request) -> JSONResponse:
        """Change what the body names and keep the rest; counts of rules start anew."""
        current = self._simulator.floor.temper.behaviour.model_dump()
        self._simulator.floor.temper.become(_parsed(Behaviour, current | await _object(request)))
        return await self.behaviour(request)

    async def reset(self, _: Request) -> JSONResponse:
        """Forget orders and behave well again; logins and apps stay."""
        self._simulator.reset()
        return JSONResponse({"status": "reset"})

    async def register(self, request: Request) -> JSONResponse:
        """Make an app's key and secret known at every broker, or at the one named."""
        app = _parsed(AppDraft, await _object(request))
        try:
            for firm in self._firms(app.broker):
                firm.accounts.register(app.api_key, app.api_secret)
        except LoginRefused:
            raise HTTPException(400, f"api_key: {app.api_key} stays unknown") from None
        return JSONResponse({"api_key": app.api_key}, status_code=201)

    async def expire(self, request: Request) -> JSONResponse:
        """End a client's sessions at every broker, or at the one named."""
        client = _parsed(ClientName, await _object(request))
        expired = sum(firm.accounts.expire(client.client_id) for firm in self._firms(client.broker))
        return JSONResponse({"expired": expired})

    def _firms(self, name: str | None) -> list[Firm]:
        firms = self._simulator.firms
        if name is None:
            return list(firms.values())
        if name not in firms:
            raise HTTPException(400, f"broker: use one of {', '.join(firms)}")
        return [firms[name]]


async def _object(request: Request) -> dict[str, object]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "write a JSON object")
    return body


def _parsed[M: BaseModel](model: type[M], value: object) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        complaints = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise HTTPException(400, "; ".join(complaints)) from None


def _fits(firm: Firm, order: Order, wanted: Mapping[str, str | None]) -> bool:
    mine = {"broker": firm.name, "client_id": order.ticket.client_id, "tag": order.ticket.tag}
    return all(value in {None, mine[name]} for name, value in wanted.items())


def _view(firm: Firm, order: Order) -> dict[str, object]:
    ticket = order.ticket
    return {
        "broker": firm.name,
        "order_id": order.number,
        "client_id": ticket.client_id,
        "tag": ticket.tag,
        "symbol": ticket.symbol,
        "side": ticket.side,
        "quantity": ticket.quantity,
        "lot_size": ticket.lot_size,
        "tick": str(TICK),
        "price": str(ticket.price),
        "status": order.status,
        "filled": order.filled,
        "average_price": str(order.average),
        "rejection": order.rejection,
        "arrived_at": order.arrived_at.isoformat(timespec="microseconds"),
    }
