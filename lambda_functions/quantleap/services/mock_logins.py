"""Logins of the sandbox, at every simulated broker alike: whom the page expects, and a page that nobody opens.

A code that begins with `mock_token_` stands for a visit without a browser.
"""

from urllib.parse import parse_qsl, urlencode, urlsplit

from quantleap.domain.account import FinishedLogin
from quantleap.domain.broker import AppRefused, Broker, Request
from quantleap.domain.partner import Environment
from quantleap.domain.ports import Http

MOCK_CODE = "mock_token_"
NOWHERE = "https://localhost/"
"""Where the page is told to return to; nobody follows it there."""

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def hinted(page: str, environment: Environment, client_id: str) -> str:
    """The page's address; a simulated page is told the linked client id by `login_hint`, OpenID Connect's own word."""
    if environment is not Environment.TEST:
        return page
    return page.replace("?", f"?{urlencode({'login_hint': client_id})}&", 1)


def played(login: FinishedLogin, environment: Environment, broker: Broker, http: Http) -> FinishedLogin:
    """The login as it came; in place of a mock code, what the simulated page returns with to the account's client.

    Raises `AppRefused` where the page turns the app away.
    """
    if environment is not Environment.TEST or not login.code.startswith(MOCK_CODE):
        return login
    answer = http.send(_visit(broker.login_url(login.credentials, MOCK_CODE, NOWHERE), login.client_id))
    came = dict(parse_qsl(urlsplit(answer.headers.get("location", "")).query))
    code = broker.capability.login.code(came)
    if code is None:
        raise AppRefused("the broker's page knows no such app")
    return login.model_copy(update={"code": code, "came": came, "redirect_url": NOWHERE})


def _visit(page: str, client_id: str) -> Request:
    """What a browser sends when the page's form is filled in."""
    parts = urlsplit(page)
    target = f"{parts.path}?{parts.query}"
    return Request("POST", f"{parts.scheme}://{parts.netloc}", target, FORM, urlencode({"user_id": client_id}).encode())
