"""ICICI Direct's API: a method and a path a call."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker.checks import Wrong
from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.icici_direct.calls import Call, Calls
from sandbox.broker.icici_direct.login import WORDS
from sandbox.broker.icici_direct.masters import master
from sandbox.broker.icici_direct.wire import (
    Ask,
    Data,
    Refusal,
    check_signature,
    document,
    error,
    invalid,
    key_unknown,
    ok,
    session_dead,
)
from sandbox.broker.login import LoginPage
from sandbox.broker.paths import Paths
from sandbox.broker.simulator import Firm

LOGIN = ("GET", "/customerdetails")
PLACE = ("POST", "/order")


class Api:
    """Everything below `/breezeapi/api/v1`."""

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
        """Whose token it is, if the app is the one that got it."""
        session = self._accounts.session_of(asked.header(b"x-sessiontoken"), asked.at)
        return session.client_id if session and session.api_key == asked.header(b"x-appkey") else None

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Success or an error, both with HTTP 200."""
        try:
            return OK, JSON, ok(self._data(asked, client_id))
        except Wrong as wrong:
            return OK, JSON, error(invalid(wrong))
        except Refusal as refusal:
            return OK, JSON, error(refusal)

    def _data(self, asked: Asked, client_id: str | None) -> Data:
        if (asked.method, asked.path) == LOGIN:
            return self._calls.log_in(document(asked), asked.at)
        secret = self._accounts.apps.get(asked.header(b"x-appkey"))
        if secret is None:
            raise key_unknown()
        check_signature(asked, secret)
        found = self._paths.find(asked.method, asked.path)
        if client_id is None or found is None:
            raise session_dead()
        return found.call(Ask(client_id, document(asked), asked.at))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything ICICI Direct serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).archive, media_type="application/zip")

    return [
        Route("/MotherAppMaster/SecurityMaster.zip", instruments),
        *LoginPage(firm, WORDS).routes,
        Mount("/breezeapi/api/v1", app=Gateway(firm, Api(firm))),
    ]
