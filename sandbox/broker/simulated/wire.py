"""The wire format: what a request must look like, and how a refusal is worded.

JSON goes in, units as numbers, everything else as text; the session in `Authorization: Bearer TOKEN`. Out comes
`{"result":...}` or, with the HTTP status of the error, `{"error":{"code":...,"text":...}}`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked
from sandbox.broker.paths import Parts

JSON_TYPE = "application/json"
BAD_REQUEST = 400
UNAUTHORIZED = 401
NOT_FOUND = 404
UNPROCESSABLE = 422
TOO_MANY = 429

NUMBERS = {"units"}

type Data = Mapping[str, object] | Sequence[object]


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, code: str, text: str, status: int = UNPROCESSABLE) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


class Ask(NamedTuple):
    """A request whose session is alive; `body` is what its JSON holds."""

    client_id: str
    parts: Parts
    body: Any
    query: Sequence[tuple[str, str]]
    at: datetime


def session_dead() -> Refusal:
    """The refusal of a token that is missing, unknown or over."""
    return Refusal("session_expired", "log in again", UNAUTHORIZED)


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    code = "over_freeze_quantity" if "freeze" in wrong.why else "bad_input"
    return Refusal(code, str(wrong), BAD_REQUEST)


def bearer(asked: Asked) -> str:
    """The session's token, empty without a header that holds one."""
    kind, _, token = asked.header(b"authorization").partition(" ")
    return token if kind == "Bearer" else ""


def body(asked: Asked) -> Any:  # noqa: ANN401 - whatever was sent
    """What the JSON of a request holds; None without a body."""
    if not asked.body:
        return None
    if asked.header(b"content-type") != JSON_TYPE:
        raise Wrong("content-type", "has to be application/json")
    try:
        return json.loads(asked.body)
    except (ValueError, RecursionError):
        raise Wrong("body", "is not JSON") from None


def fields(found: object, needed: Iterable[str], optional: Iterable[str] = ()) -> Fields:
    """An object's fields as text, each of its type, none missing and none unknown."""
    if not isinstance(found, dict):
        raise Wrong("body", "is no object")
    needed = set(needed)
    for name in needed - found.keys():
        raise Wrong(name, "is required")
    for name in found.keys() - needed - set(optional):
        raise Wrong(name, "is not a field of this call")
    return {name: _text(name, value) for name, value in found.items()}


def ok(data: Data) -> bytes:
    """A reply that says yes."""
    return json.dumps({"result": data}, separators=(",", ":")).encode()


def error(refusal: Refusal) -> bytes:
    """A reply that says no."""
    return json.dumps({"error": {"code": refusal.code, "text": refusal.text}}, separators=(",", ":")).encode()


def _text(name: str, value: object) -> str:
    wanted = int if name in NUMBERS else str
    if type(value) is not wanted:
        raise Wrong(name, "is of the wrong type")
    return str(value)
