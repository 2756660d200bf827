"""Upstox's API: a method and a path a call."""

import json
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker.checks import Wrong
from sandbox.broker.forms import form
from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.paths import Paths
from sandbox.broker.simulator import Firm
from sandbox.broker.upstox.calls import Call, Calls
from sandbox.broker.upstox.login import WORDS
from sandbox.broker.upstox.masters import master
from sandbox.broker.upstox.wire import Ask, Refusal, bearer, body, error, invalid, ok, token_dead

LOGIN = ("POST", "/v2/login/authorization/token")
PLACE = ("POST", "/v3/order/place")
LISTS = "/market-quote/instruments/exchange"


class Api:
    """Everything but the login page and the lists of instruments."""

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
            return OK, JSON, self._answer(asked, client_id)
        except Wrong as wrong:
            refusal = invalid(wrong)
        except Refusal as refused:
            refusal = refused
        return refusal.status, JSON, error(refusal)

    def _answer(self, asked: Asked, client_id: str | None) -> bytes:
        if (asked.method, asked.path) == LOGIN:
            return json.dumps(self._calls.log_in(form(asked), asked.at)).encode()
        found = self._paths.find(asked.method, asked.path)
        if client_id is None or found is None:
            raise token_dead()
        return ok(found.call(Ask(client_id, body(asked), dict(parse_qsl(asked.query)), asked.at)))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything Upstox serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).file, media_type="application/gzip")

    return [
        Route(f"{LISTS}/NSE.json.gz", instruments),
        Route(f"{LISTS}/complete.json.gz", instruments),
        *LoginPage(firm, WORDS).routes,
        Mount("", app=Gateway(firm, Api(firm))),
    ]
