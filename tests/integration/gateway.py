"""API Gateway in a process: finds the route, asks its authorizer, calls its function with a proxy event."""

import importlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from cdk_stack.routes import ENTRANCES, ROUTES, Auth, Route
from tests.conftest import POOL_CLIENT
from tests.integration.promised import hold

STAGE_ARN = "arn:aws:execute-api:ap-south-1:123456789012:abc123/dev"
CONTENT = {"Content-Type": "application/json"}


class Context:
    """What a function is told of its own invocation."""

    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:ap-south-1:123456789012:function:function"
    aws_request_id = "invocation-1"
    tenant_id = None


class Answer(NamedTuple):
    """One answer, its body read."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Unroutable(Exception):
    """The gateway would answer by itself."""


def function(name: str) -> Any:
    """The handler of a function, as the stack names it."""
    return importlib.import_module(f"quantleap.handlers.{name.replace('-', '_')}")


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route a path belongs to, whatever its method, and the parts of the path; fixed words win over parameters."""
    for entrance in sorted(ENTRANCES, key=lambda entrance: entrance.path.count("{")):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", entrance.path)
        match = re.fullmatch(pattern, path)
        if match:
            return Route(method, *entrance), {name: unquote(value) for name, value in match.groupdict().items()}
    raise Unroutable(path)


class TurnedAway(Exception):
    """The gateway answers 401 by itself."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def admitted(policy: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an authorizer tells of whom it lets in; raises `TurnedAway` for anybody else."""
    [statement] = policy["policyDocument"]["Statement"]
    if statement["Effect"] != "Allow":
        raise TurnedAway
    context: Mapping[str, Any] = policy["context"]
    return context


class Gateway:
    """Calls the API as one caller; `source_ip` is where it calls from."""

    source_ip = "198.51.100.7"

    def __init__(self, headers: Mapping[str, str] | None = None, claims: Mapping[str, Any] | None = None) -> None:
        self.headers = dict(headers or {})
        self.claims = claims

    def __call__(self, line: str, body: object = None, **more: Any) -> Answer:
        """Ask a line such as `"GET /partner/me"`."""
        method, target = line.split()
        url = urlsplit(target)
        route, parameters = find(method, url.path)
        event = self._event(route, parameters, url.query, None if body is None else json.dumps(body))
        event["requestContext"]["authorizer"] = self._authorize(route)
        said = answer(route.function, {**event, **more})
        if route in ROUTES:
            hold(f"{method} {route.path}", said.status, said.headers, said.body)
        return said

    def _authorize(self, route: Route) -> Mapping[str, Any] | None:
        if route.auth in {Auth.ADMIN, Auth.USER}:
            return {"claims": self.claims} if self.claims else None
        if route.auth is Auth.PUBLIC:
            return None
        event = {
            "type": "REQUEST",
            "methodArn": f"{STAGE_ARN}/{route.method}{route.path}",
            "multiValueHeaders": {name: [value] for name, value in self.headers.items()},
        }
        return admitted(function("partner-auth").handler(event, Context()))

    def _event(self, route: Route, parameters: dict[str, str], query: str, body: str | None) -> dict[str, Any]:
        names = parse_qs(query, keep_blank_values=True)
        return {
            "resource": route.path,
            "path": route.path,
            "httpMethod": route.method,
            "headers": {**CONTENT, **self.headers},
            "pathParameters": parameters or None,
            "queryStringParameters": {name: values[-1] for name, values in names.items()} or None,
            "multiValueQueryStringParameters": names or None,
            "requestContext": {"requestId": "request-1", "identity": {"sourceIp": self.source_ip}},
            "body": body,
            "isBase64Encoded": False,
        }


class Remembering(Gateway):
    """A gateway that asked the authorizer once and remembers what it said, as the real one does for a minute."""

    remembered: Mapping[str, Any] | None = None

    def _authorize(self, route: Route) -> Mapping[str, Any] | None:
        if self.remembered is None or route.auth is not Auth.PARTNER:
            self.remembered = super()._authorize(route)
        return self.remembered


def answer(name: str, event: dict[str, Any]) -> Answer:
    """What a function answers to an event."""
    reply = function(name).handler(event, Context())
    return Answer(reply["statusCode"], reply["headers"], json.loads(reply["body"]))


def as_partner(api_key: str, secret: str) -> Gateway:
    return Gateway({"Authorization": f"Bearer {api_key}", "X-Partner-Secret": secret})


def as_admin(groups: object = "Admins", kind: str = "id") -> Gateway:
    return Gateway(claims={"sub": "admin-1", "token_use": kind, "aud": POOL_CLIENT, "cognito:groups": groups})


def as_user(subject: str = "asha", **claims: object) -> Gateway:
    """Somebody who signed in by themselves."""
    signed = {"sub": subject, "token_use": "id", "aud": POOL_CLIENT, "email_verified": "true"}
    return Gateway(claims={**signed, "email": f"{subject}@Example.com", **claims})
