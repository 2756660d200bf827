"""Angel One's API: a method and a path a call."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker.angel_one.calls import Call, Calls
from sandbox.broker.angel_one.login import WORDS
from sandbox.broker.angel_one.masters import master
from sandbox.broker.angel_one.wire import (
    Ask,
    Refusal,
    check_headers,
    credentials,
    document,
    invalid,
    key_unknown,
    ok,
    token_dead,
)
from sandbox.broker.checks import Wrong
from sandbox.broker.gateway import Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.paths import Paths
from sandbox.broker.simulator import Firm


class Api:
    """Everything below `/rest/secure/angelbroking`."""

    def __init__(self, firm: Firm) -> None:
        self._accounts = firm.accounts
        self._paths: Paths[Call] = Paths(Calls(firm).table)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call."""
        return self._paths.find(method, path) is not None

    def places(self, asked: Asked) -> bool:
        """Whether it places an order."""
        return asked.path == "/order/v1/placeOrder"

    def client_of(self, asked: Asked) -> str | None:
        """Whose token it is, if the app is the one that got it."""
        key, token = credentials(asked)
        session = self._accounts.session_of(token, asked.at)
        return session.client_id if session and session.api_key == key else None

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Success or an error."""
        try:
            check_headers(asked)
            if credentials(asked)[0] not in self._accounts.apps:
                raise key_unknown()
            found = self._paths.find(asked.method, asked.path)
            if client_id is None or found is None:
                raise token_dead()
            return ok(found.call(Ask(client_id, document(asked), asked.at)))
        except Wrong as wrong:
            return invalid(wrong).reply
        except Refusal as refusal:
            return refusal.reply


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything Angel One serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).file, media_type="application/json")

    return [
        Route("/OpenAPI_File/files/OpenAPIScripMaster.json", instruments),
        *LoginPage(firm, WORDS).routes,
        Mount("/rest/secure/angelbroking", app=Gateway(firm, Api(firm))),
    ]
