"""The document itself: routes, what they read, what they answer and what they refuse, put together."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from cdk_stack.routes import Auth
from quantleap.domain.codes import CODES
from quantleap.runtime.api import SAFE
from quantleap.runtime.repeats import HEADER as IDEMPOTENCY_KEY
from quantleap.runtime.repeats import REPLAYED
from sandbox.openapi import schemas
from sandbox.openapi.answers.common import Refusal
from sandbox.openapi.contract import PROMISES, Promise
from sandbox.openapi.reading import Reading, readings
from sandbox.openapi.refusals import codes
from sandbox.openapi.schemas import Schema, Use

EXAMPLES = Path(__file__).with_name("examples.json")

ABOUT = """The marketplace of option strategies, for brokers' backends, their users and its administrators.

Every answer is JSON, carries `statusCode`, and names its request in the header `X-Request-Id`. Every refusal has the
shape of `Refusal`; switch on its `code`. Answers may gain fields; requests with unknown fields are refused. POSTs
honour `Idempotency-Key`: the same request sent again under its key is answered again, not carried out again. A method
that a path does not have is answered with 405, and the header `Allow` names those it has."""

TITLES = {
    400: "The request is wrong; nothing was done.",
    401: "Nobody we know, or no longer.",
    403: "Known, but not allowed.",
    404: "No such thing among those the caller may see.",
    409: "What is stored does not allow it now.",
    413: "Too much.",
    415: "No JSON.",
    422: "The idempotency key stands for another request.",
    429: "Over a limit.",
    500: "A fault of ours.",
    503: "Something we depend on failed; nothing was changed.",
    504: "No answer in time.",
}

SECURITY: Mapping[Auth, Mapping[str, Any]] = {
    Auth.PARTNER: {"PartnerKey": [], "PartnerSecret": []},
    Auth.USER: {"SignIn": []},
    Auth.ADMIN: {"SignIn": ["Admins"]},
}

SCHEMES = {
    "PartnerKey": {"type": "http", "scheme": "bearer", "description": "`pk_...`; never without its secret."},
    "PartnerSecret": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Partner-Secret",
        "description": "`sk_...`, shown once when the key is issued; keep it on your server.",
    },
    "SignIn": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The id token of a sign-in with Cognito; administrators are in its group `Admins`.",
    },
}


def _header(description: str, **schema: object) -> Schema:
    return {"description": description, "schema": schema}


HEADERS = {
    "X-Request-Id": _header("The request's id: quote it when something is wrong.", type="string"),
    "X-RateLimit-Limit": _header("Requests a minute.", type="integer", minimum=1),
    "X-RateLimit-Remaining": _header("What is left of them, or of the day where that is less.", type="integer"),
    "X-RateLimit-Reset": _header("When all are back, in seconds since 1970.", type="integer"),
    "X-Content-Type-Options": _header("Believe the type.", type="string", const="nosniff"),
    "Strict-Transport-Security": _header("Come by https only.", type="string"),
    "Retry-After": _header("Seconds to wait.", type="integer", minimum=1),
    REPLAYED: _header("This answer was given before, under the same idempotency key.", type="string", const="true"),
    "WWW-Authenticate": _header("How to say who asks.", type="string"),
}

LIMITS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")

REPEATABLE = {
    "name": IDEMPOTENCY_KEY,
    "in": "header",
    "required": False,
    "description": "Any text of your own that stands for this request alone; kept for 24 hours.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


_DETAILS = {"type": "object", "additionalProperties": {"type": "string"}}

EXTRAS: Mapping[str, Schema] = {
    "invalid_request": {"details": {**_DETAILS, "description": "What is wrong, by the path of the field."}},
    "broker_login_refused": {
        "details": {**_DETAILS, "description": "What is wrong by field, or what the broker said."}
    },
    "market_data_in_use": {"details": {**_DETAILS, "description": "The runs that go by it."}},
    "already_subscribed": {"existing_subscription_id": {"type": "string"}},
}
"""Further fields of a refusal, by its code."""


def resolved(whole: Mapping[str, Any], response: Mapping[str, Any]) -> Mapping[str, Any]:
    """A response of the document, wherever it stands."""
    name = response.get("$ref", "").removeprefix("#/components/responses/")
    found: Mapping[str, Any] = whole["components"]["responses"][name] if name else response
    return found


class Examples(NamedTuple):
    """Answers that were recorded: of one route, and of each code wherever it was said first."""

    route: Mapping[str, Any]
    codes: Mapping[str, Any]

    def answers(self, status: int) -> Schema:
        """What the route answered."""
        recorded = self.route.get("responses", {}).get(str(status))
        return {} if recorded is None else {"recorded": {"value": recorded}}

    def refusals(self, status: int, possible: Sequence[str]) -> Schema:
        """How each of the codes was said: by the route itself where that was recorded."""
        own = self.route.get("responses", {}).get(str(status), {})
        said = {**self.codes, own.get("code"): own}
        return {code: {"value": said[code]} for code in possible if code in said}


class Models(NamedTuple):
    """The names of models by use, all schemas, and responses that routes share.

    `closed` ends a refusal that has no other fields.
    """

    names: Mapping[Use, str]
    found: dict[str, Schema]
    responses: dict[str, Schema]
    closed: Mapping[str, bool]

    def ref(self, model: type[BaseModel], mode: schemas.Mode) -> Schema:
        """Where a model's schema stands."""
        return {"$ref": schemas.REF.format(model=self.names[model, mode])}

    def query(self, model: type[BaseModel]) -> list[Schema]:
        """The parameters that a model of a query stands for."""
        return schemas.parameters(self.found[self.names[model, "validation"]])


@cache
def document(*, strict: bool = False) -> Mapping[str, Any]:
    """The whole document; `strict` says of answers too that they have no other fields, which tests rely on."""
    read = readings()
    models = _models(read, strict=strict)
    told: Mapping[str, Any] = json.loads(EXAMPLES.read_text())
    paths: dict[str, dict[str, Any]] = {}
    for each in read:
        operation = _operation(each, models, Examples(told["routes"].get(each.line, {}), told["codes"]))
        paths.setdefault(each.route.path, {})[each.route.method.lower()] = operation
    queries = {models.names[each.query, "validation"] for each in read if each.query}
    return {
        "openapi": "3.1.1",
        "info": {"title": "QuantLeap", "version": "1.0.0", "description": ABOUT},
        "servers": [{"url": ".", "description": "Where this document is served."}],
        "tags": [{"name": tag} for tag in dict.fromkeys(tag for tag, _ in PROMISES.values())],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in models.found.items() if name not in queries},
            "responses": models.responses,
            "headers": HEADERS,
            "securitySchemes": SCHEMES,
        },
    }


def _models(read: Sequence[Reading], *, strict: bool) -> Models:
    sent = [model for each in read for model in (each.body, each.query) if model]
    answered = [model for each in read for model in PROMISES[each.line][1].answers.values()]
    uses: list[Use] = [(model, "validation") for model in sent]
    uses += [(model, "serialization") for model in answered]
    uses.append((Refusal, "serialization"))
    names, found = schemas.components(list(dict.fromkeys(uses)))
    models = Models(names, found, {}, {"unevaluatedProperties": False} if strict else {})
    requests = schemas.reached(found, [models.ref(model, "validation") for model in sent])
    queries = {names[each.query, "validation"] for each in read if each.query}
    for name in found.keys() - queries:
        found[name] = schemas.without_defaults(found[name], read=name in requests)
    _open(found[names[Refusal, "serialization"]])
    if not strict:
        for name in found.keys() - requests:
            _open(found[name])
    return models


def _open(schema: Schema) -> None:
    """Let an answer gain fields; a map keeps saying what its values are."""
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]


def _operation(read: Reading, models: Models, examples: Examples) -> dict[str, Any]:
    tag, promise = PROMISES[read.line]
    operation: dict[str, Any] = {
        "operationId": promise.name,
        "tags": [tag],
        "summary": read.summary,
        "security": [_security(read)] if read.route.auth is not Auth.PUBLIC else [],
        "parameters": _parameters(read, models),
        "responses": {**_answers(read, promise, models, examples), **_refusals(read, promise, models, examples)},
    }
    if read.needed:
        operation["description"] = f"Needs the permission {' and '.join(f'`{each}`' for each in read.needed)}."
    if read.body:
        content: Schema = {"schema": models.ref(read.body, "validation")}
        if "request" in examples.route:
            content["example"] = examples.route["request"]
        operation["requestBody"] = {"required": read.body_required, "content": {"application/json": content}}
    return operation


def _security(read: Reading) -> Mapping[str, Any]:
    """The schemes that are needed together; beside the partner's key the permissions, as roles."""
    schemes = SECURITY[read.route.auth]
    return {**schemes, "PartnerKey": list(read.needed)} if read.route.auth is Auth.PARTNER else schemes


def _parameters(read: Reading, models: Models) -> list[Schema]:
    parts = [schemas.part(piece.strip("{}")) for piece in read.route.path.split("/") if piece.startswith("{")]
    query = models.query(read.query) if read.query else []
    return [*parts, *query, *([REPEATABLE] if read.repeatable else [])]


def _answers(read: Reading, promise: Promise, models: Models, examples: Examples) -> dict[str, Any]:
    return {
        str(status): {
            "description": (model.__doc__ or "").partition("\n")[0],
            "headers": _headers(read, status),
            "content": _content(models.ref(model, "serialization"), examples.answers(status)),
        }
        for status, model in promise.answers.items()
    }


def _refusals(read: Reading, promise: Promise, models: Models, examples: Examples) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in codes(read, promise):
        by_status.setdefault(CODES[code].status, []).append(code)
    return {
        str(status): _shared(
            {
                "description": _told(status, possible),
                "headers": _headers(read, status),
                "content": _content(_refusal(models, possible), examples.refusals(status, possible)),
            },
            [*(["partner"] if read.route.auth is Auth.PARTNER else []), str(status), *possible],
            models,
        )
        for status, possible in sorted(by_status.items())
    }


def _shared(response: Schema, name: Sequence[str], models: Models) -> Schema:
    """A refusal stands in one place for all routes that answer it in the same words."""
    whole = "-".join(name)
    if models.responses.setdefault(whole, response) != response:
        return response
    return {"$ref": f"#/components/responses/{whole}"}


def _told(status: int, possible: Sequence[str]) -> str:
    lines = [f"- `{code}`: {CODES[code].meaning} {CODES[code].advice}" for code in possible]
    return "\n".join([TITLES[status], "", *lines])


def _refusal(models: Models, possible: Sequence[str]) -> Schema:
    """The common shape, with the codes that are possible here and the fields that come with them."""
    more = {name: schema for code, fields in EXTRAS.items() if code in possible for name, schema in fields.items()}
    here: Schema = {"type": "object", "properties": {"code": {"type": "string", "enum": list(possible)}, **more}}
    return {"allOf": [models.ref(Refusal, "serialization"), here], **models.closed}


def _content(schema: Schema, examples: Schema) -> Schema:
    return {"application/json": {"schema": schema, **({"examples": examples} if examples else {})}}


def _headers(read: Reading, status: int) -> Schema:
    names = ["X-Request-Id", *SAFE]
    if read.route.auth is Auth.PARTNER and status not in {401, 504}:
        names += LIMITS
    if read.repeatable and status < 300:  # noqa: PLR2004 - HTTP
        names.append(REPLAYED)
    names += {401: ["WWW-Authenticate"], 429: ["Retry-After"]}.get(status, [])
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
