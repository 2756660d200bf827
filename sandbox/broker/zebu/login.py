"""Zebu's login page: the person gives a user id, the app gets a code."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.broker.accounts import LoginRefused
from sandbox.broker.pages import page
from sandbox.broker.simulator import Simulator

PATH = "/OAuthlogin/authorize/oauth"
USER_ID = re.compile(r"[A-Za-z0-9_-]{2,40}", re.ASCII)
SCHEMES = {"http", "https"}
HINT = (
    "The simulator knows test_api_key (its secret is test_api_secret) and every app registered with POST /control/apps."
)


class LoginPage:
    """The page and its form, on the simulator's accounts."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.routes = [Route(PATH, self.show), Route(PATH, self.submit, methods=["POST"])]

    async def show(self, request: Request) -> Response:
        """Ask for the user id."""
        app = request.query_params.get("client_id", "")
        if app not in self._simulator.accounts.apps:
            return _refused("Invalid Input : api key")
        return page("login", "Log in to Zebu", app=app)

    async def submit(self, request: Request) -> Response:
        """Return to the app with a code, or show the code when there is nowhere to return to."""
        query = request.query_params
        user = parse_qs((await request.body()).decode("utf-8", "replace")).get("user_id", [""])[0]
        redirect, state = query.get("redirect_uri", ""), query.get("state", "")
        if not USER_ID.fullmatch(user):
            return _refused("Invalid Input : user id")
        if redirect and urlsplit(redirect).scheme not in SCHEMES:
            return _refused("Invalid Input : redirect_uri")
        try:
            code = self._simulator.accounts.log_in(query.get("client_id", ""), user, self._simulator.clock())
        except LoginRefused as refused:
            return _refused(f"Invalid Input : {refused.field}")
        if not redirect:
            return page("code", "Logged in", user=user, code=code, state=state or "(none)")
        return RedirectResponse(_with_code(redirect, code, state), status_code=303)


def _refused(reason: str) -> Response:
    return page("refused", "Login refused", 400, reason=reason, hint=HINT)


def _with_code(redirect: str, code: str, state: str) -> str:
    parts = urlsplit(redirect)
    added = urlencode({"code": code} | ({"state": state} if state else {}))
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))
