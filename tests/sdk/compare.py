"""Two requests side by side: every fact of one against the same fact of the other."""

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from quantleap.domain.broker import Request

TRANSPORT = {"host", "connection", "content-length", "accept", "accept-encoding", "user-agent"}
"""Headers that tell a broker nothing about an order."""

OF_THE_MOMENT = {"x-timestamp", "x-checksum"}
"""Headers that differ each second; their shape is compared."""

type Facts = Mapping[str, object]


def differences(theirs: Request, ours: Request) -> dict[str, tuple[object, object]]:
    """What differs, by the name of the fact, with their value and ours; None for what one does not have."""
    left, right = facts(theirs), facts(ours)
    names = sorted(left.keys() | right.keys())
    return {name: (left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)}


def facts(request: Request) -> Facts:
    """Method, path, query, headers and the body's fields, each with its type where the wire has types."""
    return dict(_facts(request))


def _facts(request: Request) -> Iterator[tuple[str, object]]:
    url = urlsplit(request.target)
    yield "method", request.method
    yield "path", url.path
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        yield f"query {name}", value
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name, value in headers.items():
        if name not in TRANSPORT:
            yield f"header {name}", _shape(value) if name in OF_THE_MOMENT else value
    yield from _fields(headers.get("content-type", ""), request.body.decode())


def _fields(kind: str, body: str) -> Iterator[tuple[str, object]]:
    if body.startswith("jData="):
        found = json.loads(body.removeprefix("jData="))
    elif kind.startswith("application/json") and body:
        found = json.loads(body)
    else:
        found = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
    for name, value in found.items():
        yield f"body {name}", (type(value).__name__, value)


def _shape(value: str) -> str:
    return re.sub(r"[0-9]", "0", re.sub(r"[0-9a-f]{64}", "sha256", value))
