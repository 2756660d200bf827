"""Zebu's API: a path a call."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.broker.gateway import JSON, OK, Asked, Gateway, Reply
from sandbox.broker.login import LoginPage
from sandbox.broker.simulator import Firm
from sandbox.broker.zebu.calls import Calls
from sandbox.broker.zebu.login import WORDS
from sandbox.broker.zebu.masters import master
from sandbox.broker.zebu.wire import SESSION_DEAD, Ask, Json, Refusal, bearer, encode, not_ok, read, read_list

LOGIN = "/GenAcsTok"
PLACE = "/PlaceOrder"
SPAN = "/SpanCalc"
LOGIN_FIELDS = ("code", "checksum")


class Api:
    """Everything below `/NorenWClientAPI`."""

    def __init__(self, firm: Firm) -> None:
        self._accounts = firm.accounts
        self._calls = Calls(firm)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is such a call; all are POST."""
        return method == "POST" and (path == LOGIN or path[1:] in self._calls.table)

    def places(self, asked: Asked) -> bool:
        """Whether it is PlaceOrder."""
        return asked.path == PLACE

    def client_of(self, asked: Asked) -> str | None:
        """Whose bearer token it is."""
        return self._accounts.client_of(bearer(asked), asked.at)

    def reply(self, asked: Asked, client_id: str | None) -> Reply:
        """Ok or Not_Ok."""
        try:
            return OK, JSON, encode(self._reply(asked, client_id))
        except Refusal as refusal:
            return refusal.status, JSON, encode(not_ok(refusal.text, asked.at))

    def _reply(self, asked: Asked, client_id: str | None) -> Json:
        if asked.path == LOGIN:
            return self._calls.log_in(read(asked.body, LOGIN_FIELDS), asked.at)
        if client_id is None:
            raise Refusal(SESSION_DEAD)
        required, perform = self._calls.table[asked.path[1:]]
        fields = read(asked.body, required)
        if fields.get("uid", fields.get("actid")) != client_id:
            raise Refusal(SESSION_DEAD)
        legs = read_list(asked.body) if asked.path == SPAN else ()
        return perform(Ask(client_id, fields, asked.at, legs))


def routes(firm: Firm) -> list[BaseRoute]:
    """Everything Zebu serves."""

    async def instruments(_: Request) -> Response:
        return Response(master(firm.floor.today).archive, media_type="application/zip")

    return [
        Mount("/NorenWClientAPI", app=Gateway(firm, Api(firm))),
        Route("/NFO_symbols.txt.zip", instruments),
        *LoginPage(firm, WORDS).routes,
    ]
