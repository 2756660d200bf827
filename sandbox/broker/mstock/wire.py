"""mStock's Type A wire format: what a request must look like, and how a refusal is worded.

Forms go in with the header `X-Mirae-Version: 1`, client and session are named in `Authorization: token KEY:TOKEN`.
What the broker's own core refuses comes with HTTP 200 and the error type `MiraeException`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import OK, Asked
from sandbox.broker.paths import Parts

JSON_TYPE = "application/json"
BAD_REQUEST = 400
UNAUTHORIZED = 401
FORBIDDEN = 403
TOO_MANY = 429

type Data = Mapping[str, object] | Sequence[object] | str | None


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, message: str, error_type: str = "MiraeException", status: int = OK) -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type
        self.status = status


class Ask(NamedTuple):
    """A request read and found in form, from a client whose session is alive."""

    client_id: str
    parts: Parts
    fields: Fields
    query: Sequence[tuple[str, str]]
    at: datetime


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    return Refusal(f"Invalid {wrong}", "InputException", BAD_REQUEST)


def token_dead() -> Refusal:
    """The refusal of a token that is missing, unknown or over."""
    return Refusal("Invalid or expired token. Please login again.", "TokenException", UNAUTHORIZED)


def key_dead() -> Refusal:
    """The refusal of an API key that is not the token's."""
    message = "API is suspended/expired for use. Please check your API subscription and try again."
    return Refusal(message, "APIKeyException", FORBIDDEN)


def check_version(asked: Asked) -> None:
    """Only version 1 is spoken."""
    if asked.header(b"x-mirae-version") != "1":
        raise Refusal("Please provide valid api version.", "VersionException", BAD_REQUEST)


def order(asked: Asked) -> Fields:
    """The object of a JSON body, its values texts; raises `Wrong`."""
    if asked.header(b"content-type").partition(";")[0] != JSON_TYPE:
        raise Wrong("content-type", "has to be that of JSON")
    try:
        found = json.loads(asked.body)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Wrong("body", "is no JSON object of texts")
    return found


def ok(data: Data) -> bytes:
    """A reply that says yes."""
    return json.dumps({"status": "success", "data": data}, separators=(",", ":")).encode()


def error(refusal: Refusal) -> bytes:
    """A reply that says no."""
    fields = {"status": "error", "message": refusal.message, "error_type": refusal.error_type, "data": None}
    return json.dumps(fields, separators=(",", ":")).encode()
