"""The doorway every API function shares: who may enter a route, bodies read, answers and refusals written.

API Gateway has matched the path before a function starts and says which (`resource`), so a dictionary is the
whole router. Measured beside it on Python 3.13 (ms added to a cold start, best of 4): `import boto3` and one
client 370, pydantic 160, Powertools' `APIGatewayRestResolver` 90, with `enable_validation=True` 106 and a model
more for every route, whose complaints would still have to be put into our words. An API function is to start
within 1.5 times the first figure, and only the dictionary leaves room for that.
"""

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.account import Person
from quantleap.domain.errors import (
    AlreadySubscribed,
    Conflict,
    Forbidden,
    InvalidRequest,
    LoginExpired,
    LoginRefused,
    NotAllowed,
    NotFound,
    QuantLeapError,
    Reused,
    Throttled,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WrongType,
)
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.domain.rate import Standing
from quantleap.runtime import doors, start, wiring
from quantleap.runtime.ask import Ask, Event
from quantleap.runtime.log import logger
from quantleap.runtime.repeats import repeatable
from quantleap.runtime.reply import Reply

__all__ = ["REFUSALS", "Api", "Ask", "Door", "Reply", "lambda_handler"]


SAFE = {"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000"}
"""What every answer tells a browser: believe the type, and come by https only."""


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
    NotAllowed: Refusal(405, "Method not allowed"),
    Conflict: Refusal(409, "Conflict"),
    AlreadySubscribed: Refusal(409, None),
    TooLarge: Refusal(413, "Payload too large"),
    WrongType: Refusal(415, "Unsupported media type"),
    Reused: Refusal(422, "Idempotency key reused"),
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


type Answer = Callable[[Ask], Reply]
type PartnerAnswer = Callable[[PartnerKey, Ask], Reply]
type AdminAnswer = Callable[[str, Ask], Reply]
type UserAnswer = Callable[[Person, Ask], Reply]


class Route(NamedTuple):
    """Who may enter with which permissions, what answers, and the function that was declared for it."""

    door: Door
    answer: Answer
    declared: Callable[..., Reply]
    needed: tuple[Permission, ...] = ()


class Api:
    """The routes of one function; each says at its door who may enter."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}

    def public(self, route: str) -> Callable[[Answer], Answer]:
        """Declare a route such as `"GET /health"` that anybody may ask."""

        def declare(answer: Answer) -> Answer:
            self._add(route, Route(Door.PUBLIC, answer, answer))
            return answer

        return declare

    def partner(self, route: str, *needed: Permission) -> Callable[[PartnerAnswer], PartnerAnswer]:
        """Declare a route for partners whose key has the permissions."""

        def declare(answer: PartnerAnswer) -> PartnerAnswer:
            def answered(ask: Ask) -> Reply:
                return repeatable(ask, partial(answer, doors.partner(ask, needed), ask))

            self._add(route, Route(Door.PARTNER, answered, answer, needed))
            return answer

        return declare

    def admin(self, route: str) -> Callable[[AdminAnswer], AdminAnswer]:
        """Declare a route for administrators; the answer is told which one asks."""

        def declare(answer: AdminAnswer) -> AdminAnswer:
            def answered(ask: Ask) -> Reply:
                return repeatable(ask, partial(answer, doors.admin(ask), ask))

            self._add(route, Route(Door.ADMIN, answered, answer))
            return answer

        return declare

    def user(self, route: str) -> Callable[[UserAnswer], UserAnswer]:
        """Declare a route for anybody who signed in; the answer is told who it is."""

        def declare(answer: UserAnswer) -> UserAnswer:
            def answered(ask: Ask) -> Reply:
                return repeatable(ask, partial(answer, doors.user(ask), ask))

            self._add(route, Route(Door.USER, answered, answer))
            return answer

        return declare

    def _add(self, line: str, route: Route) -> None:
        method, path = line.split()
        self.routes[method, path] = route

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
        except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer and the log the fault
            logger.exception("unexpected", extra={"route": " ".join(ask.route)})
            return _proxy(_refuse(QuantLeapError("Something failed on our side; quote the request id"), ask), ask)

    def _route(self, ask: Ask) -> Route:
        """The route of the path that has the method; the gateway hands every method of a path over."""
        found = self.routes.get(ask.route)
        if found is not None:
            return found
        _, wanted = ask.route
        allowed = [method for method, path in self.routes if path == wanted]
        raise NotAllowed(allowed) if allowed else NotFound("There is no such path")


def lambda_handler(api: Api, *stands_on: Callable[[], object]) -> Callable[[Event, LambdaContext], Event]:
    """What Lambda calls, once a request; what the routes and their doors stand on is built beforehand."""
    start.finish(wiring.buckets, wiring.idempotency, wiring.keys, wiring.reserve, *stands_on)

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: LambdaContext) -> Event:  # noqa: ARG001 - the decorator reads it
        return api.answer(event)

    return handler


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
    if isinstance(error, NotAllowed):
        return {"Allow": error.allowed}
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
            **SAFE,
            "X-Request-Id": ask.request_id,
            **_limits(ask.standing),
            **reply.headers,
        },
        "body": reply.text({"statusCode": reply.status}),
    }
