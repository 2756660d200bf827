"""A broker's login page: the person gives a user id, the app gets what the broker returns with.

The address names the linked client id in `login_hint`, so the page shows it; real brokers' pages know nothing of it.
"""

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.broker.accounts import LoginRefused, Session
from sandbox.broker.pages import page
from sandbox.broker.simulator import Firm

USER_ID = re.compile(r"[A-Za-z0-9_-]{2,40}", re.ASCII)
SCHEMES = {"http", "https"}
HINT = (
    "The simulator knows test_api_key (its secret is test_api_secret) and every app registered with POST /control/apps."
)
LINKED = "The linked client id is {client}; a login with another one is refused when it comes back."
ANYBODY = "Any user id will do."


class LoginWords(NamedTuple):
    """What differs from broker to broker.

    `app` is the parameter that names the app, `code` the one the broker returns its code in. `returned` picks what
    else comes back from what the page was opened with. A real broker returns to the address registered with the app;
    here it is the parameter `redirect`. `token` makes the page return a session's token, not a code to be swapped; that
    session belongs to the app's key, or to the client's own where `key` makes one of app and client.
    """

    title: str
    path: str
    app: str
    code: str
    returned: Callable[[QueryParams], dict[str, str]]
    redirect: str = "redirect_uri"
    token: Callable[[Session], dict[str, str]] | None = None
    key: Callable[[str, str], str] = lambda app, _client: app


class LoginPage:
    """The page and its form, on one broker's accounts."""

    def __init__(self, firm: Firm, words: LoginWords) -> None:
        self._firm = firm
        self._words = words
        self.routes = [Route(words.path, self.show), Route(words.path, self.submit, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the user id."""
        app = request.query_params.get(self._words.app, "")
        if app not in self._firm.accounts.apps:
            return _refused("Invalid Input : api key")
        linked = request.query_params.get("login_hint", "")
        whose = LINKED.format(client=linked) if linked else ANYBODY
        title = f"Log in to {self._words.title}"
        return page("login", title, app=app, broker=self._words.title, linked=linked, whose=whose)

    async def submit(self, request: Request) -> Response:
        """Return to the app with a code, or show the code when there is nowhere to return to."""
        query = request.query_params
        user = parse_qs((await request.body()).decode("utf-8", "replace")).get("user_id", [""])[0]
        redirect = query.get(self._words.redirect, "")
        if not USER_ID.fullmatch(user):
            return _refused("Invalid Input : user id")
        if redirect and urlsplit(redirect).scheme not in SCHEMES:
            return _refused(f"Invalid Input : {self._words.redirect}")
        try:
            given = self._given(query.get(self._words.app, ""), user)
        except LoginRefused as refused:
            return _refused(f"Invalid Input : {refused.field}")
        returned = self._words.returned(query)
        if not redirect:
            state = returned.get("state", "") or "(none)"
            return page("code", "Logged in", user=user, code=given[self._words.code], state=state)
        return RedirectResponse(_with(redirect, given | returned), status_code=303)

    def _given(self, app: str, user: str) -> dict[str, str]:
        accounts, at = self._firm.accounts, self._firm.floor.clock()
        code = accounts.log_in(app, user, at)
        if self._words.token is None:
            return {self._words.code: code}
        return self._words.token(accounts.open(user, self._words.key(app, user), at))


def state_of(query: QueryParams) -> dict[str, str]:
    """The state as it was given, for brokers that return it."""
    return {"state": query["state"]} if query.get("state") else {}


def nested(name: str) -> Callable[[QueryParams], dict[str, str]]:
    """Parameters given as one url-encoded parameter, returned one by one."""
    return lambda query: dict(parse_qsl(query.get(name, "")))


def _refused(reason: str) -> Response:
    return page("refused", "Login refused", 400, reason=reason, hint=HINT)


def _with(redirect: str, given: dict[str, str]) -> str:
    parts = urlsplit(redirect)
    added = urlencode(given)
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
