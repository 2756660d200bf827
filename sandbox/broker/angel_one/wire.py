"""SmartAPI's wire format: what a request must look like, and how a refusal is worded.

JSON goes in with a row of headers that name app and machine. Refusals come in three shapes: the order system's
`status` and `errorcode`, the gateway's `success` and `errorCode`, and a plain text when calls come too fast.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import JSON, OK, Asked, Reply

JSON_TYPE = "application/json"
TEXT = b"text/plain"
FORBIDDEN = 403
BEARER = "Bearer"

FIXED = {b"accept": JSON_TYPE, b"x-usertype": "USER", b"x-sourceid": "WEB"}
GIVEN = (b"x-clientlocalip", b"x-clientpublicip", b"x-macaddress")

type Data = Mapping[str, object] | Sequence[object] | None


class Refusal(Exception):
    """A request that the order system answers with an error."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code

    @property
    def reply(self) -> Reply:
        """The order system's shape."""
        return OK, JSON, _json({"status": False, "message": self.message, "errorcode": self.code, "data": None})


class Stopped(Refusal):
    """A request that does not get past the gateway."""

    @property
    def reply(self) -> Reply:
        """The gateway's shape, with its own names."""
        return OK, JSON, _json({"success": False, "message": self.message, "errorCode": self.code, "data": ""})


class TooFast(Refusal):
    """A request beyond the pace."""

    def __init__(self) -> None:
        super().__init__("Access denied because of exceeding access rate", "")

    @property
    def reply(self) -> Reply:
        """No JSON at all."""
        return FORBIDDEN, TEXT, self.message.encode()


class Ask(NamedTuple):
    """A request read and found in form, from a client whose session is alive."""

    client_id: str
    body: Mapping[str, Any]
    at: datetime


def token_dead() -> Refusal:
    """The refusal of a token that is unknown or over."""
    return Stopped("Invalid Token", "AG8001")


def key_unknown() -> Refusal:
    """The refusal of an app's key."""
    return Stopped("Invalid API Key", "AG8004")


def invalid(wrong: Wrong) -> Refusal:
    """The refusal of a field."""
    code = {"variety": "AB1008", "symboltoken": "AB1009", "producttype": "AB1012", "ordertag": "AB4008"}
    return Refusal(f"Invalid {wrong}", code.get(wrong.field, "AB1007"))


def credentials(asked: Asked) -> tuple[str, str]:
    """App's key and session's token, each empty where its header is missing."""
    kind, _, token = asked.header(b"authorization").partition(" ")
    return asked.header(b"x-privatekey"), token if kind == BEARER else ""


def check_headers(asked: Asked) -> None:
    """Every call tells what sends it; raises `Wrong`."""
    for name, value in FIXED.items():
        if asked.header(name) != value:
            raise Wrong(name.decode(), f"has to be {value}")
    for name in GIVEN:
        if not asked.header(name):
            raise Wrong(name.decode(), "is missing")


def document(asked: Asked) -> Mapping[str, Any]:
    """The object of a JSON body, empty for a GET; raises `Wrong`."""
    if asked.method == "GET":
        return {}
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


def ok(data: Data) -> Reply:
    """A reply that says yes."""
    return OK, JSON, _json({"status": True, "message": "SUCCESS", "errorcode": "", "data": data})


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
