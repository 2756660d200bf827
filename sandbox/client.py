"""The API over HTTP, as anybody outside uses it."""

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

from sandbox.platform.record import PartnerKey, Record
from sandbox.problem import Problem

TIMEOUT_S = 120


class Reply(NamedTuple):
    """An answer, and what asking took."""

    method: str
    path: str
    status: int
    body: Any
    headers: Mapping[str, str]
    milliseconds: float

    @property
    def ok(self) -> bool:
        """Whether it is a yes."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP

    def expect(self, status: int) -> Any:  # noqa: ANN401 - JSON
        """The body of the answer that had to come; raise `Problem` on another one."""
        if self.status != status:
            raise Problem(f"{self.method} {self.path} answered {self.status}, not {status}: {self.body}")
        return self.body


class Client:
    """Somebody who asks; the headers say who. Safe to use from several threads."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None, *, connections: int = 4) -> None:
        self.base_url = base_url
        self.headers = dict(headers or {})
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S, maxsize=connections, block=True, num_pools=2)

    def get(self, path: str, **query: str) -> Reply:
        """Read something."""
        return self.send("GET", path, query=query)

    def post(self, path: str, body: object = None) -> Reply:
        """Make something."""
        return self.send("POST", path, body=body)

    def put(self, path: str, body: object = None) -> Reply:
        """Change something."""
        return self.send("PUT", path, body=body)

    def delete(self, path: str) -> Reply:
        """End something."""
        return self.send("DELETE", path)

    def send(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None) -> Reply:
        """Send one request, never twice; raise `Problem` when nobody answers."""
        began = time.monotonic()
        headers = self.headers if body is None else {"Content-Type": "application/json"} | self.headers
        content = None if body is None else json.dumps(body)
        url = self.base_url + path + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._http.request(method, url, body=content, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise Problem(f"{self.base_url} does not answer ({type(error).__name__}): is `make run` up?") from None
        took = (time.monotonic() - began) * 1000
        return Reply(method, path, answer.status, _body(answer), dict(answer.headers), took)


def as_partner(base_url: str, key: PartnerKey, *, connections: int = 4) -> Client:
    """A partner's backend."""
    headers = {"Authorization": f"Bearer {key.api_key}", "X-Partner-Secret": key.api_secret}
    return Client(base_url, headers, connections=connections)


def as_person(base_url: str, token: str) -> Client:
    """Somebody who signed in."""
    return Client(base_url, {"Authorization": f"Bearer {token}"})


def sign_in(record: Record) -> Reply:
    """The administrator's sign-in with Cognito, as any client of it does it."""
    headers = {
        "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
        "Content-Type": "application/x-amz-json-1.1",
    }
    asked = {
        "ClientId": record.user_pool_client_id,
        "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": record.admin.email, "PASSWORD": record.admin.password},
    }
    return Client(record.aws_endpoint_url, headers).post("/", asked)._replace(path="Cognito InitiateAuth")


def _body(answer: urllib3.BaseHTTPResponse) -> Any:  # noqa: ANN401 - JSON, or the text that is none
    try:
        return json.loads(answer.data) if answer.data else None
    except ValueError:
        return answer.data.decode(errors="replace")
