"""Zerodha's API: a method and a path a call."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker import kite
from sandbox.broker.checks import Wrong
from sandbox.broker.forms import form
from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.paths import Paths
from sandbox.broker.simulator import Firm
from sandbox.broker.zerodha.calls import Call, Calls
from sandbox.broker.zerodha.login import WORDS
from sandbox.broker.zerodha.masters import master
from sandbox.broker.zerodha.wire import (
    BAD_REQUEST,
    Ask,
    Data,
    Refusal,
    check_version,
    error,
    invalid,
    lines,
    ok,
    session_dead,
)

LOGIN = ("POST", "/session/token")
BASKET = "/margins/basket"


class Api:
    """Everything but the login page and the list of instruments."""

    def __init__(self, firm: Firm) -> None:
        self._accounts = firm.accounts
        self._calls = Calls(firm)
        self._paths: Paths[Call] = Paths(self._calls.table)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call."""
        return (method, path) == LOGIN or self._paths.find(method, path) is not None

    def places(self, asked: Asked) -> bool:
        """Whether it places an order."""
        return asked.method == "POST" and asked.path.startswith("/orders/")

    def client_of(self, asked: Asked) -> str | None:
        """Whose token it is, if the app is the one that got it."""
        key, token = kite.credentials(asked)
        session = self._accounts.session_of(token, asked.at)
        return session.client_id if session and session.api_key == key else None

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Success or an error."""
        try:
            return OK, JSON, ok(self._data(asked, client_id))
        except Wrong as wrong:
            return BAD_REQUEST, JSON, error(invalid(wrong))
        except Refusal as refusal:
            return refusal.status, JSON, error(refusal)

    def _data(self, asked: Asked, client_id: str | None) -> Data:
        check_version(asked)
        if (asked.method, asked.path) == LOGIN:
            return self._calls.log_in(form(asked), asked.at)
        found = self._paths.find(asked.method, asked.path)
        if client_id is None or found is None:
            raise session_dead()
        basket = lines(asked) if asked.path == BASKET else ()
        fields = {} if basket else form(asked)
        return found.call(Ask(client_id, found.parts, fields, basket, parse_qsl(asked.query), asked.at))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything Zerodha serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).file, media_type="text/csv")

    return [
        Route("/instruments/NFO", instruments),
        *LoginPage(firm, WORDS).routes,
        Mount("", app=Gateway(firm, Api(firm))),
    ]
