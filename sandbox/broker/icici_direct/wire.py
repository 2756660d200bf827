"""Breeze's wire format: what a request must look like, and how a refusal is worded.

JSON goes in, also with a GET, signed with the app's secret over the exact bytes and the time it was made; how old a
signature may be is not published, so here any age is taken. A refusal says `Status` 500 with HTTP 200.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked

JSON_TYPE = "application/json"
STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.000Z", re.ASCII)

type Data = Mapping[str, object] | Sequence[object]


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Ask(NamedTuple):
    """A request read and found in form, from a client whose session is alive."""

    client_id: str
    body: Mapping[str, Any]
    at: datetime


def key_unknown() -> Refusal:
    """The refusal of an app's key."""
    return Refusal("Public Key does not exist.")


def session_dead() -> Refusal:
    """The refusal of a token that is unknown or over."""
    return Refusal("Resource not available.")


def nothing_found() -> Refusal:
    """How a list without a line is answered."""
    return Refusal("No Data Found")


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    return Refusal(f"Invalid {wrong}")


def check_signature(asked: Asked, secret: str) -> None:
    """The signature is of these very bytes."""
    stamp = asked.header(b"x-timestamp")
    if not STAMP.fullmatch(stamp):
        raise Refusal("Invalid X-Timestamp")
    kind, _, given = asked.header(b"x-checksum").partition(" ")
    proof = hashlib.sha256(stamp.encode() + asked.body + secret.encode()).hexdigest()
    if kind != "token" or not hmac.compare_digest(proof.encode(), given.encode()):
        raise Refusal("Invalid checksum")


def document(asked: Asked) -> Mapping[str, Any]:
    """The object of a JSON body; raises `Wrong`."""
    if asked.header(b"content-type").partition(";")[0] != JSON_TYPE:
        raise Wrong("content-type", "has to be that of JSON")
    try:
        found = json.loads(asked.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong("body", "is no JSON object")
    return found


def texts(body: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()) -> Fields:
    """A body whose values are texts, nothing missing, nothing unknown; raises `Wrong`."""
    for name in needed:
        if not body.get(name):
            raise Wrong(name, "is missing")
    for name, value in body.items():
        if name not in needed and name not in optional:
            raise Wrong(name, "is not a field of this call")
        if not isinstance(value, str):
            raise Wrong(name, "has to be a text")
    return body


def day(fields: Fields, name: str) -> date:
    """The day of a time such as `2026-12-01T06:00:00.000Z`; raises `Wrong`."""
    text = fields[name]
    try:
        return date.fromisoformat(text[:10] if STAMP.fullmatch(text) else "")
    except ValueError:
        raise Wrong(name) from None


def ok(data: Data) -> bytes:
    """A reply that says yes."""
    return _json({"Success": data, "Status": 200, "Error": None})


def error(refusal: Refusal) -> bytes:
    """A reply that says no."""
    return _json({"Success": None, "Status": 500, "Error": refusal.message})


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
