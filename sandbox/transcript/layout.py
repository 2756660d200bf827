"""An exchange as a page shows it, and what of it may differ from one playing to the next."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.transcript.story import Exchange, part_of

WIDTH = 108
SHOWN_HEADERS = (
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "Retry-After",
    "Idempotent-Replayed",
    "WWW-Authenticate",
)
ALWAYS_TOLD = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
"""Headers every answer of a partner's route has; a page shows them where it asks for them."""

KEY = re.compile(r"\b(pk_[a-z0-9]+_test_)[0-9A-Za-z]{32}\b")
ID = re.compile(r"(?<![0-9A-Za-z])(usr_|bsk_|sub_|alloc_|key_)[0-9a-z]{16,44}(?![0-9A-Za-z])")
SERVER = re.compile(r"http://127\.0\.0\.1:\d+")
BROKER = "http://127.0.0.1:4567"

VARYING = (
    re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?"),  # an instant or a day
    re.compile(r"\brun_\d{8}T\d{6}_[0-9A-Za-z_-]+"),
    re.compile(r"\bql[0-9a-z]{18}\b"),  # an order's tag
    re.compile(r"(?:\b|(?<=%2F))[0-9A-Za-z]{43}\b"),  # a login's state
    re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),  # a request's id
    re.compile(r"\bNIFTY\d\d[A-Z]{3}\d\d[CP]\d+\b"),
    ID,
)
"""What a text may hold that is another one each time."""

VARYING_FIELDS = {
    "acknowledged_after_ms",
    "average_price",
    "boundary_error_ms",
    "limit_price",
    "max",
    "order_id",
    "p50",
    "p95",
    "p99",
    "request_id",
    "sent_after_ms",
    "strike",
    "subscriber_count",
    "total",
}
"""Fields whose values belong to the moment; their kind does not."""


def shown(exchange: Exchange, fields: tuple[str, ...], names: Mapping[str, str], *, limits: bool) -> str:
    """The request and its answer as two blocks of a page."""
    asked = "\n".join([f"{exchange.method} {exchange.path}", *(f"{n}: {v}" for n, v in exchange.headers.items())])
    body = "" if exchange.body is None else f"\n\n{pretty(exchange.body)}"
    answer = pretty(part_of(exchange.reply.body, fields))
    head = "\n".join([str(exchange.reply.status), *_headers(exchange.reply.headers, limits=limits)])
    return _named(f"```http\n{asked}{body}\n```\n\n```http\n{head}\n\n{answer}\n```", names)


def _headers(of: Mapping[str, str], *, limits: bool) -> Iterator[str]:
    given = {name.lower(): value for name, value in of.items()}
    for name in SHOWN_HEADERS:
        if name.lower() in given and (limits or name not in ALWAYS_TOLD):
            yield f"{name}: {given[name.lower()]}"


def _named(text: str, names: Mapping[str, str]) -> str:
    """The text with the documents' names, and with ids that say nothing of the platform it was played on."""
    for played, documented in names.items():
        text = text.replace(played, documented)
    text = KEY.sub(lambda match: match[1] + "X" * 32, text)
    text = re.sub(r"(order-4711)-[0-9a-f]{8}", r"\1", text)
    return SERVER.sub(BROKER, ID.sub(lambda match: _renamed(match[0], match[1]), text))


def _renamed(name: str, prefix: str) -> str:
    """An id of the same form, the same for the same id; a subscription's still names its user and its template."""
    if prefix == "sub_":
        return prefix + _drawn(f"usr_{name[4:24]}", 20) + _drawn(f"bsk_{name[24:40]}", 16) + _drawn(name, 8)
    return prefix + _drawn(name, len(name) - len(prefix))


def _drawn(name: str, length: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:length]


def pretty(value: object, indent: int = 0, before: int = 0) -> str:
    """JSON as a person lays it out: what fits on the line, `before` characters of which are taken, stays on it."""
    flat = json.dumps(value, ensure_ascii=False)
    if indent + before + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, list):
        inner = [pad + pretty(each, indent + 2) for each in value]
        return "[\n" + ",\n".join(inner) + "\n" + " " * indent + "]"
    inner = [f'{pad}"{name}": {pretty(each, indent + 2, len(name) + 4)}' for name, each in value.items()]
    return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"


def lasting(value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
    """A value with what belongs to one playing taken out, so that two playings can be compared.

    The order of a list belongs to it too: ids decide it.
    """
    match value:
        case dict():
            return {key: lasting(each, key) for key, each in value.items()}
        case list():
            return sorted((lasting(each, name) for each in value), key=json.dumps)
        case str() | int() | float() if name in VARYING_FIELDS and not isinstance(value, bool):
            return "number" if isinstance(value, int | float) else "text"
        case str():
            for varying in VARYING:
                value = varying.sub("…", value)
            return value
        case _:
            return value
