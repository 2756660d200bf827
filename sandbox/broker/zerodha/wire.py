"""Kite Connect's wire format: what a request must look like, and how a refusal is worded.

Forms go in with the header `X-Kite-Version: 3`; everything but the login names app and session in
`Authorization: token KEY:TOKEN`. Out comes `{"status":"success","data":...}` or `{"status":"error","message":...,
"error_type":...,"data":null}` with the HTTP status of the error.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked
from sandbox.broker.paths import Parts

JSON_TYPE = "application/json"
FORBIDDEN = 403
BAD_REQUEST = 400
TOO_MANY = 429

type Data = Mapping[str, object] | Sequence[object] | bool


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, message: str, error_type: str = "InputException", status: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type
        self.status = status


class Ask(NamedTuple):
    """A request read and found in form, from a client whose session is alive."""

    client_id: str
    parts: Parts
    fields: Fields
    lines: Sequence[Mapping[str, Any]]
    query: Sequence[tuple[str, str]]
    at: datetime


def session_dead() -> Refusal:
    """The refusal of a token that is unknown or over."""
    return Refusal("Incorrect `api_key` or `access_token`.", "TokenException", FORBIDDEN)


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    return Refusal(f"Invalid `{wrong.field}`. {wrong.why}".strip())


def check_version(asked: Asked) -> None:
    """Only version 3 is spoken."""
    if asked.header(b"x-kite-version") != "3":
        raise Refusal("Missing or unsupported `X-Kite-Version`.")


def lines(asked: Asked) -> Sequence[Mapping[str, Any]]:
    """The objects of a JSON array."""
    if asked.header(b"content-type").partition(";")[0] != JSON_TYPE:
        raise Refusal("Send JSON.")
    try:
        found = json.loads(asked.body)
    except ValueError:
        raise Refusal("Couldn't parse JSON request body.") from None
    if not isinstance(found, list) or not found or not all(isinstance(line, dict) for line in found):
        raise Refusal("Send a list of orders.")
    return found


def ok(data: Data) -> bytes:
    """A reply that says yes."""
    return json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


def error(refusal: Refusal) -> bytes:
    """A reply that says no."""
    fields = {"status": "error", "message": refusal.message, "data": None, "error_type": refusal.error_type}
    return json.dumps(fields, separators=(",", ":")).encode()
