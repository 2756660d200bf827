"""Upstox's wire format: what a request must look like, and how a refusal is worded.

JSON goes in, each field of its own type, with the session in `Authorization: Bearer TOKEN`; only the login is a form.
Out comes `{"status":"success","data":...}` or `{"status":"error","errors":[...]}`, each error's fields named twice.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked

JSON_TYPE = "application/json"
BAD_REQUEST = 400
UNAUTHORIZED = 401
TOO_MANY = 429

BAD_INPUT = "UDAPI100036"
CODES = {"order_type": "UDAPI1056", "validity": "UDAPI1055"}
"""Error codes of single fields; every other field has the general one."""

WHOLE, NUMBER, TEXT, FLAG = (int,), (int, Decimal), (str,), (bool,)
"""What JSON may hold for a field; a flag is no number."""

type Data = Mapping[str, object] | Sequence[object]
type Types = Mapping[str, tuple[type, ...]]


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(
        self, message: str, code: str = BAD_INPUT, status: int = BAD_REQUEST, field: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.field = field


class Ask(NamedTuple):
    """A request whose session is alive; `body` is what its JSON holds."""

    client_id: str
    body: Any
    query: Mapping[str, str]
    at: datetime

    @property
    def order_id(self) -> str:
        """The order that the query names."""
        if not self.query.get("order_id"):
            raise Refusal("Order id is required", "UDAPI1023")
        return self.query["order_id"]


def token_dead() -> Refusal:
    """The refusal of a token that is missing, unknown or over."""
    return Refusal("Invalid token used to access API", "UDAPI100050", UNAUTHORIZED)


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    return Refusal(f"Invalid input: {wrong}", CODES.get(wrong.field, BAD_INPUT), field=wrong.field)


def bearer(asked: Asked) -> str:
    """The session's token, empty without a header that holds one."""
    kind, _, token = asked.header(b"authorization").partition(" ")
    return token if kind == "Bearer" else ""


def body(asked: Asked) -> Any:  # noqa: ANN401 - whatever was sent
    """What the JSON of a request holds, fractions as decimals; None without a body."""
    if not asked.body:
        return None
    if asked.header(b"content-type").partition(";")[0] != JSON_TYPE:
        raise Wrong("Content-Type")
    try:
        return json.loads(asked.body, parse_float=Decimal)
    except ValueError:
        raise Wrong("body", "is not JSON") from None


def typed(found: object, needed: Types, optional: Types) -> Fields:
    """An object's fields as text, each of its type, none missing and none unknown."""
    if not isinstance(found, dict):
        raise Wrong("body", "is no object")
    for name in needed:
        if found.get(name) is None:
            raise Wrong(name, "is required")
    types = {**needed, **optional}
    return {name: _text(name, value, types.get(name, ())) for name, value in found.items()}


def ok(data: Data) -> bytes:
    """A reply that says yes."""
    return json.dumps({"status": "success", "data": data, "metadata": {"latency": 1}}, separators=(",", ":")).encode()


def error(refusal: Refusal) -> bytes:
    """A reply that says no."""
    told = {
        "errorCode": refusal.code,
        "message": refusal.message,
        "propertyPath": refusal.field,
        "invalidValue": None,
        "error_code": refusal.code,
        "property_path": refusal.field,
        "invalid_value": None,
    }
    return json.dumps({"status": "error", "errors": [told]}, separators=(",", ":")).encode()


def _text(name: str, value: object, types: tuple[type, ...]) -> str:
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise Wrong(name, "is of the wrong type" if types else "is not a field of this call")
    return str(value)
