"""mStock's Type A API: a method and a path a call."""

from urllib.parse import parse_qsl

from starlette.routing import BaseRoute, Mount

from sandbox.broker import kite
from sandbox.broker.checks import Wrong
from sandbox.broker.forms import form
from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.mstock.calls import Call, Calls
from sandbox.broker.mstock.login import WORDS
from sandbox.broker.mstock.masters import master
from sandbox.broker.mstock.wire import (
    Ask,
    Data,
    Refusal,
    check_version,
    error,
    invalid,
    key_dead,
    ok,
    order,
    token_dead,
)
from sandbox.broker.paths import Paths
from sandbox.broker.simulator import Firm

PLACE = ("POST", "/orders/regular")
LIST = ("GET", "/instruments/scriptmaster")
MARGIN = "/margins/orders"
CSV = b"text/csv"


class Api:
    """Everything below `/openapi/typea`."""

    def __init__(self, firm: Firm) -> None:
        self._firm = firm
        self._paths: Paths[Call] = Paths(Calls(firm).table)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call."""
        return (method, path) == LIST or self._paths.find(method, path) is not None

    def places(self, asked: Asked) -> bool:
        """Whether it places an order."""
        return (asked.method, asked.path) == PLACE

    def client_of(self, asked: Asked) -> str | None:
        """Whose token it is, if it comes with that client's key."""
        key, token = kite.credentials(asked)
        session = self._firm.accounts.session_of(token, asked.at)
        return session.client_id if session and session.api_key == key else None

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Success or an error; the list of instruments is no JSON."""
        try:
            self._admit(asked, client_id)
            if (asked.method, asked.path) == LIST:
                return OK, CSV, master(self._firm.floor.today).file
            return OK, JSON, ok(self._data(asked, client_id or ""))
        except Wrong as wrong:
            refusal = invalid(wrong)
        except Refusal as refused:
            refusal = refused
        return refusal.status, JSON, error(refusal)

    def _admit(self, asked: Asked, client_id: str | None) -> None:
        check_version(asked)
        if client_id is None:
            _, token = kite.credentials(asked)
            raise key_dead() if self._firm.accounts.session_of(token, asked.at) else token_dead()

    def _data(self, asked: Asked, client_id: str) -> Data:
        found = self._paths.find(asked.method, asked.path)
        if found is None:
            raise Refusal("Not found")
        fields = order(asked) if asked.path == MARGIN else form(asked)
        return found.call(Ask(client_id, found.parts, fields, parse_qsl(asked.query), asked.at))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything mStock serves."""
    return [Mount("/openapi/typea", app=Gateway(firm, Api(firm))), *LoginPage(firm, WORDS).routes]
