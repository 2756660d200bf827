"""What a route reads of a request, seen in the code that reads it: no route says it twice."""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from cdk_stack.routes import ROUTES, Auth, Route
from quantleap.domain.partner import Permission
from quantleap.runtime.api import Api


class Read(NamedTuple):
    """A part of a request and the model it is read as."""

    part: str
    model: type[BaseModel]
    may_be_missing: bool


class Reading(NamedTuple):
    """One route as the stack and its function have it; `summary` is what its function says of itself."""

    route: Route
    summary: str
    needed: tuple[Permission, ...]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    body_required: bool = True

    @property
    def line(self) -> str:
        """`GET /partner/me`."""
        return f"{self.route.method} {self.route.path}"

    @property
    def repeatable(self) -> bool:
        """Whether it honours an idempotency key."""
        return self.route.method == "POST" and self.route.auth is not Auth.PUBLIC


def readings() -> Sequence[Reading]:
    """Every route of the stack, in its order."""
    return [_reading(route) for route in ROUTES]


def _reading(route: Route) -> Reading:
    api: Api = importlib.import_module(f"quantleap.handlers.{route.function.replace('-', '_')}").api
    answered = api.routes[route.method, route.path]
    models = {each.part: each for each in models_read(answered.declared)}
    body, query = models.get("body"), models.get("query")
    summary = (inspect.getdoc(answered.declared) or "").partition("\n\n")[0].replace("\n", " ")
    return Reading(
        route,
        summary,
        answered.needed,
        body.model if body else None,
        query.model if query else None,
        body_required=body is None or not body.may_be_missing,
    )


def models_read(declared: Callable[..., Any]) -> Iterator[Read]:
    """What a function reads: `ask.body(NewSubscription)` is its body, `ask.query(...)` its query."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(declared)))):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="ask"), attr="body" | "query" as part),
                args=[ast.Name(id=model)],
                keywords=more,
            ):
                yield Read(part, declared.__globals__[model], any(each.arg == "may_be_missing" for each in more))
            case _:
                pass
