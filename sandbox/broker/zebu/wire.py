"""Zebu's wire format: what a request must look like, and how a refusal is worded.

A request is a POST whose body is `jData=` and a JSON object of texts, with the session's token as bearer. A
refusal is `{"stat":"Not_Ok","emsg":...}`; input that is wrong comes with HTTP 400, all else with 200.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from quantleap.domain.clock import IST
from sandbox.broker.gateway import OK, Asked

PREFIX = b"jData="
LIST = "pos"
"""The one field that is a list, of SpanCalc."""

SESSION_DEAD = "Session Expired :  Invalid Session Key"
NO_DATA = "no data"
BAD_REQUEST = 400
UNAUTHORIZED = 401

type Fields = Mapping[str, str]
type Json = Mapping[str, object] | Sequence[Mapping[str, object]]


class Refusal(Exception):
    """A request that is answered with `Not_Ok`."""

    def __init__(self, text: str, status: int = OK) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Ask(NamedTuple):
    """A request read and found in form, from a client whose session is alive."""

    client_id: str
    fields: Fields
    at: datetime
    legs: Sequence[Fields] = ()


def invalid(what: str) -> Refusal:
    """The refusal of wrong input, naming the field."""
    return Refusal(f"Invalid Input : {what}", BAD_REQUEST)


def read(body: bytes, required: Collection[str]) -> Fields:
    """The texts of a request; raises `Refusal` for anything the broker would not take."""
    fields = _object(body)
    texts = {name: value for name, value in fields.items() if name != LIST}
    _check(texts)
    for name in required:
        if not texts.get(name):
            raise invalid(f"{name} is missing")
    return texts


def read_list(body: bytes) -> Sequence[Fields]:
    """The list of positions a SpanCalc request holds."""
    lines = _object(body).get(LIST)
    if not isinstance(lines, list) or not lines or not all(isinstance(line, dict) for line in lines):
        raise invalid(f"{LIST} is missing")
    for line in lines:
        _check(line)
    return lines


def _object(body: bytes) -> dict[str, Any]:
    if not body.startswith(PREFIX):
        raise invalid("jData is missing")
    try:
        fields = json.loads(body[len(PREFIX) :])
    except ValueError:
        raise invalid("jData is not a JSON object") from None
    if not isinstance(fields, dict):
        raise invalid("jData is not a JSON object")
    return fields


def _check(fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if not isinstance(value, str) or value == "None":
            raise invalid(f"{name} is not a text")


def bearer(asked: Asked) -> str:
    """The token of the `Authorization` header, empty without one."""
    kind, _, token = asked.header(b"authorization").partition(" ")
    return token if kind.lower() == "bearer" else ""


def ok(at: datetime, **fields: object) -> dict[str, object]:
    """A reply that says yes."""
    return {"stat": "Ok", "request_time": request_time(at), **fields}


def not_ok(text: str, at: datetime) -> dict[str, object]:
    """A reply that says no."""
    return {"stat": "Not_Ok", "emsg": text, "request_time": request_time(at)}


def request_time(at: datetime) -> str:
    """`HH:MM:SS dd-mm-yyyy` in India."""
    return f"{at.astimezone(IST):%H:%M:%S %d-%m-%Y}"


def encode(reply: Json) -> bytes:
    """The bytes of a reply."""
    return json.dumps(reply, separators=(",", ":")).encode()
