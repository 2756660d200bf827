"""The API: a method and a path a call."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker.checks import Wrong
from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.paths import Paths
from sandbox.broker.simulated.calls import Call, Calls
from sandbox.broker.simulated.login import WORDS
from sandbox.broker.simulated.masters import master
from sandbox.broker.simulated.wire import Ask, Data, Refusal, bearer, body, error, invalid, ok, session_dead
from sandbox.broker.simulator import Firm

LOGIN = ("POST", "/v1/sessions")
PLACE = ("POST", "/v1/orders")


class Api:
    """Everything but the login page and the list of contracts."""

    def __init__(self, firm: Firm) -> None:
        self._accounts = firm.accounts
        self._calls = Calls(firm)
        self._paths: Paths[Call] = Paths(self._calls.table)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call."""
        return (method, path) == LOGIN or self._paths.find(method, path) is not None

    def places(self, asked: Asked) -> bool:
        """Whether it places an order."""
        return (asked.method, asked.path) == PLACE

    def client_of(self, asked: Asked) -> str | None:
        """Whose token it is."""
        return self._accounts.client_of(bearer(asked), asked.at)

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Success or an error."""
        try:
            return OK, JSON, ok(self._data(asked, client_id))
        except Wrong as wrong:
            refusal = invalid(wrong)
        except Refusal as refused:
            refusal = refused
        return refusal.status, JSON, error(refusal)

    def _data(self, asked: Asked, client_id: str | None) -> Data:
        if (asked.method, asked.path) == LOGIN:
            return self._calls.log_in(body(asked), asked.at)
        found = self._paths.find(asked.method, asked.path)
        if client_id is None or found is None:
            raise session_dead()
        return found.call(Ask(client_id, found.parts, body(asked), parse_qsl(asked.query), asked.at))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything it serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).file, media_type="application/json")

    return [
        Route("/v1/instruments", instruments),
        *LoginPage(firm, WORDS).routes,
        Mount("", app=Gateway(firm, Api(firm))),
    ]
