"""One request as API Gateway hands it over, read only as far as a route wants to know."""

import base64
import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, NoReturn
from urllib.parse import unquote

from pydantic import BaseModel

from quantleap.domain.errors import InvalidRequest, NotFound, TooLarge, WrongType
from quantleap.domain.idempotency import digest
from quantleap.domain.model import parse
from quantleap.domain.rate import Standing

type Event = dict[str, Any]

TWICE = "Given more than once"
JSON = "application/json"
SPOILED = "\ufffd"
"""What the gateway puts in place of bytes that are no UTF-8."""

BARE_OFFSET = re.compile(r"\d [0-9]{2}:?[0-9]{2}")
"""An offset whose `+` was read as the space that it stands for in an address."""

PLUS = "Write the + of an offset as %2B: in an address a bare + is a space"

LARGEST_BODY = 100_000
"""Characters; the largest basket there can be has a fifth of that."""


class Ask:
    """One request, read only as far as a route wants to know."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._context: Mapping[str, Any] = event.get("requestContext") or {}
        self.caller = "public"
        self.refusal: str | None = None
        self.standing: Standing | None = None
        self.seed: str | None = None

    @property
    def route(self) -> tuple[str, str]:
        """Method and path as declared, such as `("GET", "/partner/subscriptions/{subscription_id}")`."""
        return str(self._event.get("httpMethod")), str(self._event.get("resource"))

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.route[0] != "GET"

    @property
    def request_id(self) -> str:
        """What the gateway calls this request."""
        return str(self._context.get("requestId", ""))

    @property
    def source_ip(self) -> str:
        """Where it came from, as the gateway saw it."""
        return str((self._context.get("identity") or {}).get("sourceIp", ""))

    @property
    def authorizer(self) -> Mapping[str, Any]:
        """What the authorizer of the route found out."""
        return self._context.get("authorizer") or {}

    def part(self, name: str) -> str:
        """A part of the path as it was sent, with what an address may not hold decoded."""
        return unquote((self._event.get("pathParameters") or {}).get(name) or "")

    def id(self, name: str) -> str:
        """A part of the path; a text that can be no id of ours names nothing."""
        value = (self._event.get("pathParameters") or {}).get(name) or ""
        if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) is None:
            raise NotFound(f"No such {name.removesuffix('_id').replace('_', ' ')}")
        return value

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name; raises `InvalidRequest` when it was sent more than once."""
        every = self._event.get("multiValueHeaders") or {}
        once = {sent: [value] for sent, value in (self._event.get("headers") or {}).items()}
        found = [value for sent, values in (every or once).items() if sent.lower() == name.lower() for value in values]
        if len(found) > 1:
            raise InvalidRequest({name: TWICE})
        return found[0] if found else None

    def fingerprint(self, key: str) -> str:
        """What is asked, told apart from anything else that could be asked; nobody without the key can test a guess.

        Of a body in JSON its meaning counts, not its bytes: who sends it again may space, order and pack it otherwise.
        """
        places = (self._event.get("pathParameters"), self._event.get("multiValueQueryStringParameters"))
        return digest(key, *self.route, *map(_canonical, places), self._meaning())

    def _meaning(self) -> str:
        text = self._text()
        try:
            return _canonical(_read_json(text))
        except (InvalidRequest, RecursionError):  # it is refused as it is read, unless the route reads none
            return repr(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)

    def number(self, name: str) -> int:
        """A part of the path that counts from 1."""
        value = self.id(name)
        if re.fullmatch(r"[1-9][0-9]{0,5}", value) is None:
            raise NotFound(f"No such {name}")
        return int(value)

    def body[M: BaseModel](self, model: type[M], *, may_be_missing: bool = False) -> M:
        """The JSON body as `model`; raises `InvalidRequest`. One that `may_be_missing` then says nothing."""
        text = self._text()
        kind = self.header("Content-Type")
        if text and kind is not None and kind.partition(";")[0].strip().lower() != JSON:
            raise WrongType("Send Content-Type: application/json")
        return parse(model, {} if may_be_missing and not text else _read_json(text))

    def _text(self) -> str | bytes:
        text: str = self._event.get("body") or ""
        if len(text) > LARGEST_BODY:
            raise TooLarge(f"The body exceeds {LARGEST_BODY // 1000} kB")
        return base64.b64decode(text) if self._event.get("isBase64Encoded") else text

    def query[M: BaseModel](self, model: type[M]) -> M:
        """The query as `model`; raises `InvalidRequest`, also for a name given twice."""
        given: Mapping[str, list[str]] = self._event.get("multiValueQueryStringParameters") or {}
        repeated = {name: TWICE for name, values in given.items() if len(values) != 1}
        bare = {name: PLUS for name, values in given.items() if BARE_OFFSET.search("".join(values)[-7:])}
        if repeated or bare:
            raise InvalidRequest({**bare, **repeated})
        return parse(model, {name: values[0] for name, values in given.items()})


def _unspoiled(text: str) -> str:
    text.encode()  # fails on half a character, which some gateways make of bytes that are none
    if SPOILED in text:
        raise ValueError("no UTF-8")
    return text


def _read_json(sent: str | bytes) -> object:
    """Numbers as exact decimals, so money never passes through a float; text that is no Unicode is refused."""
    try:
        text = _unspoiled(sent if isinstance(sent, str) else sent.decode())
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_each_once)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError):
        raise InvalidRequest({"body": "Write a JSON object"}) from None
    return value


def _canonical(value: object) -> str:
    """One text for all spellings of the same JSON."""
    return json.dumps(_marked(value), sort_keys=True)


def _marked(value: object) -> object:
    """A value whose numbers are texts of one form each, told apart from its other texts."""
    match value:
        case dict():
            return {name: _marked(each) for name, each in value.items()}
        case list():
            return [_marked(each) for each in value]
        case str():
            return f"text {value}"
        case int() | Decimal() if not isinstance(value, bool):
            return f"number {Decimal(value).normalize(EXACTLY)}"
        case _:
            return value


EXACTLY = Context(prec=LARGEST_BODY, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Of no number that fits into a body is a digit lost."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields have one value each: of two, nobody can say which was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise InvalidRequest({name: TWICE for name, count in times.items() if count > 1})
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
