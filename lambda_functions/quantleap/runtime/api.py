"""The doorway every API function shares: who may enter a route, bodies read, answers and refusals written.

API Gateway has matched the route before a function starts and says which (`resource`), so a dictionary is the
whole router. Measured beside it on Python 3.13 (ms added to a cold start, best of 4): `import boto3` and one
client 370, pydantic 160, Powertools' `APIGatewayRestResolver` 90, with `enable_validation=True` 106 and a model
more for every route, whose complaints would still have to be put into our words. An API function is to start
within 1.5 times the first figure, and only the dictionary leaves room for that.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel

from quantleap.domain.account import Person
from quantleap.domain.errors import (
    AlreadySubscribed,
    Conflict,
    Forbidden,
    InvalidRequest,
    LoginExpired,
    LoginRefused,
    NotFound,
    QuantLeapError,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from quantleap.domain.ids import user_of_sign_in
from quantleap.domain.model import parse
from quantleap.domain.partner import PLATFORM, Environment, PartnerKey, Permission, Tenant
from quantleap.domain.rate import Standing
from quantleap.runtime import wiring
from quantleap.runtime.metrics import metric
from quantleap.runtime.settings import settings
from quantleap.services import rate_limits

logger = Logger(serialize_stacktrace=False)

type Event = dict[str, Any]

ADMINS = "Admins"
"""The Cognito group that may administer."""


class Refusal(NamedTuple):
    """How a kind of error is answered; without a text the error's own message is shown."""

    status: int
    text: str | None


REFUSALS: Mapping[type[QuantLeapError], Refusal] = {
    InvalidRequest: Refusal(400, "Invalid request parameters"),
    LoginRefused: Refusal(400, "Invalid broker credentials"),
    Unauthenticated: Refusal(401, "Invalid API key or secret"),
    LoginExpired: Refusal(401, "OAuth token expired"),
    Forbidden: Refusal(403, "Permission denied"),
    NotFound: Refusal(404, "Not found"),
    Conflict: Refusal(409, "Conflict"),
    AlreadySubscribed: Refusal(409, None),
    Throttled: Refusal(429, None),
    Unavailable: Refusal(503, "Service unavailable"),
    QuantLeapError: Refusal(500, "Internal server error"),
}
"""Every error of the domain as HTTP; the closest kind counts."""


class Door(StrEnum):
    """Who may enter a route."""

    PUBLIC = "public"
    PARTNER = "partner"
    ADMIN = "admin"
    USER = "user"


class Reply(NamedTuple):
    """An answer: `body` may hold whatever `_plain` can write."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = {}


class Ask:
    """One request, read only as far as a route wants to know."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._context: Mapping[str, Any] = event.get("requestContext") or {}
        self.caller = "public"
        self.refusal: str | None = None
        self.standing: Standing | None = None

    @property
    def route(self) -> tuple[str, str]:
        """Method and path as declared, such as `("GET", "/partner/subscriptions/{subscription_id}")`."""
        return str(self._event.get("httpMethod")), str(self._event.get("resource"))

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.route[0] != "GET"

    @property
    def request_id(self) -> str:
        """What the gateway calls this request."""
        return str(self._context.get("requestId", ""))

    @property
    def source_ip(self) -> str:
        """Where it came from, as the gateway saw it."""
        return str((self._context.get("identity") or {}).get("sourceIp", ""))

    @property
    def authorizer(self) -> Mapping[str, Any]:
        """What the authorizer of the route found out."""
        return self._context.get("authorizer") or {}

    def id(self, name: str) -> str:
        """A part of the path; a text that can be no id of ours names nothing."""
        value = (self._event.get("pathParameters") or {}).get(name) or ""
        if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) is None:
            raise NotFound(f"No such {name.removesuffix('_id').replace('_', ' ')}")
        return value

    def number(self, name: str) -> int:
        """A part of the path that counts from 1."""
        value = self.id(name)
        if re.fullmatch(r"[1-9][0-9]{0,5}", value) is None:
            raise NotFound(f"No such {name}")
        return int(value)

    def body[M: BaseModel](self, model: type[M]) -> M:
        """The JSON body as `model`; raises `InvalidRequest`."""
        return parse(model, _read_json(self._text()))

    def _text(self) -> str | bytes:
        text: str = self._event.get("body") or ""
        return base64.b64decode(text) if self._event.get("isBase64Encoded") else text

    def query[M: BaseModel](self, model: type[M]) -> M:
        """The query as `model`; raises `InvalidRequest`, also for a name given twice."""
        given: Mapping[str, list[str]] = self._event.get("multiValueQueryStringParameters") or {}
        repeated = {name: "Given more than once" for name, values in given.items() if len(values) != 1}
        if repeated:
            raise InvalidRequest(repeated)
        return parse(model, {name: values[0] for name, values in given.items()})


type Answer = Callable[[Ask], Reply]
type PartnerAnswer = Callable[[PartnerKey, Ask], Reply]
type AdminAnswer = Callable[[str, Ask], Reply]
type UserAnswer = Callable[[Person, Ask], Reply]


class Route(NamedTuple):
    """Who may enter, and what answers."""

    door: Door
    answer: Answer


class Api:
    """The routes of one function; each says at its door who may enter."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}

    def public(self, route: str) -> Callable[[Answer], Answer]:
        """Declare a route such as `"GET /health"` that anybody may ask."""

        def declare(answer: Answer) -> Answer:
            self._add(route, Door.PUBLIC, answer)
            return answer

        return declare

    def partner(self, route: str, *needed: Permission) -> Callable[[PartnerAnswer], PartnerAnswer]:
        """Declare a route for partners whose key has the permissions."""

        def declare(answer: PartnerAnswer) -> PartnerAnswer:
            self._add(route, Door.PARTNER, lambda ask: answer(_partner(ask, needed), ask))
            return answer

        return declare

    def admin(self, route: str) -> Callable[[AdminAnswer], AdminAnswer]:
        """Declare a route for administrators; the answer is told which one asks."""

        def declare(answer: AdminAnswer) -> AdminAnswer:
            self._add(route, Door.ADMIN, lambda ask: answer(_admin(ask), ask))
            return answer

        return declare

    def user(self, route: str) -> Callable[[UserAnswer], UserAnswer]:
        """Declare a route for anybody who signed in; the answer is told who it is."""

        def declare(answer: UserAnswer) -> UserAnswer:
            self._add(route, Door.USER, lambda ask: answer(_user(ask), ask))
            return answer

        return declare

    def _add(self, route: str, door: Door, answer: Answer) -> None:
        method, path = route.split()
        self.routes[method, path] = Route(door, answer)

    def answer(self, event: Event) -> Event:
        """Answer one request of the gateway, whatever happens."""
        began = time.perf_counter()
        ask = Ask(event)
        reply = self._reply(ask)
        logger.info(
            "answered",
            extra={
                "route": " ".join(ask.route),
                "status": reply["statusCode"],
                "refusal": ask.refusal,
                "caller": ask.caller,
                "api_request_id": ask.request_id,
                "ms": round((time.perf_counter() - began) * 1000, 1),
            },
        )
        return reply

    def _reply(self, ask: Ask) -> Event:
        try:
            return _proxy(self._route(ask).answer(ask), ask)
        except QuantLeapError as error:
            return _proxy(_refuse(error, ask), ask)
        except Exception:
            logger.exception("unexpected", extra={"route": " ".join(ask.route)})
            return _proxy(_refuse(QuantLeapError("Something failed on our side; quote the request id"), ask), ask)

    def _route(self, ask: Ask) -> Route:
        try:
            return self.routes[ask.route]
        except KeyError:
            raise NotFound("There is no such path, or it has no such method") from None


def lambda_handler(api: Api) -> Callable[[Event, LambdaContext], Event]:
    """What Lambda calls, once a request."""

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: LambdaContext) -> Event:  # noqa: ARG001 - the decorator reads it
        return api.answer(event)

    return handler


def _partner(ask: Ask, needed: tuple[Permission, ...]) -> PartnerKey:
    """The key the authorizer verified, read anew: what was revoked or taken away since then counts at once."""
    api_key_id = ask.authorizer.get("api_key_id")
    if not isinstance(api_key_id, str):
        raise Unauthenticated("Send an API key and its secret")
    try:
        key = wiring.keys().get(api_key_id)
    except NotFound:
        raise Unauthenticated("The API key is not known") from None
    ask.caller = f"{key.tenant.key} {api_key_id}"
    now = wiring.clock()
    _count(key, ask, now)
    key.admit(now, ask.source_ip)
    key.require_secret(ask.authorizer.get("secret_version"), now)
    for permission in needed:
        key.require(permission)
    return key


def _count(key: PartnerKey, ask: Ask, now: datetime) -> None:
    """Count the request; from here on every answer, a refusal too, tells how the key stands."""
    reserve, route = wiring.reserve(), " ".join(ask.route)
    failed = reserve.failures
    counted = rate_limits.count(wiring.buckets(), reserve, key, route, now, changes=ask.changes)
    if reserve.failures > failed:
        logger.warning("requests cannot be counted", extra=metric("RateCounterFailures", 1, now))
    ask.standing = counted.standing
    if counted.refusal is not None:
        raise counted.refusal


def _admin(ask: Ask) -> str:
    """The signed-in administrator: an id token of the pool, with the group in it."""
    claims = _claims(ask)
    if ADMINS not in _groups(claims.get("cognito:groups")):
        raise Forbidden(f"This needs the group {ADMINS}", code="admins_only")
    return str(claims["sub"])


def _user(ask: Ask) -> Person:
    """Whoever signed in; their own id is worked out from the sign-in's, never taken from a request."""
    claims = _claims(ask)
    email, name = claims.get("email"), claims.get("name")
    if not isinstance(email, str):
        raise Forbidden("The sign-in has no e-mail address", code="id_token_required")
    environment = Environment.LIVE if settings().real_brokers else Environment.TEST
    return Person(
        user_id=user_of_sign_in(str(claims["sub"])),
        tenant=Tenant(PLATFORM, environment),
        email=email.lower(),
        name=name if isinstance(name, str) else None,
    )


def _claims(ask: Ask) -> Mapping[str, Any]:
    """What the id token of the sign-in says."""
    claims: Mapping[str, Any] = ask.authorizer.get("claims") or {}
    subject = claims.get("sub")
    if claims.get("token_use") != "id" or not isinstance(subject, str):
        raise Forbidden("Send the id token of your sign-in", code="id_token_required")
    ask.caller = subject
    return claims


def _groups(claim: object) -> set[str]:
    """Groups reach a function as a list, or as text: `Admins`, `Admins,Traders`, `[Admins Traders]`."""
    if isinstance(claim, list):
        return set(map(str, claim))
    return set(re.split(r"[\s,]+", str(claim or "").strip("[]")))


def _read_json(sent: str | bytes) -> object:
    """Numbers as exact decimals, so money never passes through a float; text that is no Unicode is refused."""
    try:
        text = sent if isinstance(sent, str) else sent.decode()
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest({"body": "Write a JSON object"}) from None
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _refuse(error: QuantLeapError, ask: Ask) -> Reply:
    refusal = next(REFUSALS[kind] for kind in type(error).__mro__ if kind in REFUSALS)
    ask.refusal = error.reason
    body = {
        "error": refusal.text or error.message,
        "message": error.message,
        "code": error.reason,
        **error.extra,
        "request_id": ask.request_id,
    }
    return Reply(refusal.status, body, _advice(error))


def _advice(error: QuantLeapError) -> Mapping[str, str]:
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.retry_after_s)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}


def _limits(standing: Standing | None) -> Mapping[str, str]:
    """How the caller's key stands, as the partners' documents name it."""
    if standing is None:
        return {}
    return {
        "X-RateLimit-Limit": str(standing.limit),
        "X-RateLimit-Remaining": str(standing.remaining),
        "X-RateLimit-Reset": str(standing.reset),
    }


def _proxy(reply: Reply, ask: Ask) -> Event:
    """As the gateway wants it; every body tells its status, as the documents of partners show."""
    return {
        "statusCode": reply.status,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "X-Request-Id": ask.request_id,
            **_limits(ask.standing),
            **reply.headers,
        },
        "body": json.dumps({"statusCode": reply.status, **reply.body}, default=_plain),
    }


def _plain(value: object) -> object:
    """Decimals as JSON numbers (exact up to 15 digits, more than an amount has), instants in UTC ending in Z."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            parts = "milliseconds" if value.microsecond else "seconds"
            return value.astimezone(UTC).isoformat(timespec=parts).replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be written as JSON")
