"""The document that partners read: valid, whole, and closed where requests are."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from cdk_stack.routes import ROUTES, Auth, Route
from quantleap.domain.codes import CODES
from quantleap.domain.model import Model
from quantleap.domain.partner import Permission
from quantleap.runtime.api import Api, Ask, Reply
from quantleap.runtime.described import described
from sandbox.openapi.contract import PROMISES
from sandbox.openapi.document import document, resolved
from sandbox.openapi.postman import collection
from sandbox.openapi.reading import models_read
from sandbox.openapi.schemas import REF
from tests.integration.promised import hold

WHOLE: Mapping[str, Any] = json.loads(described())
SCHEMAS: Mapping[str, Any] = WHOLE["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": told for path, methods in WHOLE["paths"].items() for method, told in methods.items()
}
BODIES = {line: told["requestBody"] for line, told in OPERATIONS.items() if "requestBody" in told}


def named(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference leads to."""
    found: Mapping[str, Any] = SCHEMAS[schema["$ref"].removeprefix(REF.format(model=""))]
    return found


def objects(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every schema of an object with fields, however deep."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield from objects(named(schema))
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_document_is_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(dict(WHOLE)).iter_errors()] == []


def parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object of the document, examples left out."""
    if isinstance(value, dict):
        yield value
        for name, part in value.items():
            yield from parts(part) if name not in {"examples", "example"} else ()
    elif isinstance(value, list):
        for part in value:
            yield from parts(part)


def test_the_document_has_nothing_that_generators_trip_over() -> None:
    titles = [schema.get("title") for schema in SCHEMAS.values()]
    defaults = [part["default"] for part in parts(WHOLE) if "default" in part]
    beside = [
        part for part in parts(WHOLE) if isinstance(part.get("$ref"), str) and {"properties", "type"} & part.keys()
    ]

    assert titles == list(SCHEMAS), "a title names a class, so each has its own"
    assert not [default for default in defaults if default is None or isinstance(default, dict)]
    assert beside == [], "what stands beside a reference is overlooked"


def test_every_route_is_promised_and_every_promise_is_a_route() -> None:
    assert set(PROMISES) == set(OPERATIONS) == {f"{route.method} {route.path}" for route in ROUTES}


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    assert len({told["operationId"] for told in OPERATIONS.values()}) == len(ROUTES)
    assert [line for line, told in OPERATIONS.items() if not told["summary"]] == []


@pytest.mark.parametrize("line", BODIES)
def test_a_request_has_no_other_fields_than_those_described(line: str) -> None:
    schema = BODIES[line]["content"]["application/json"]["schema"]

    for found in objects(schema):
        anything = found["title"] in {"LoginEnd", "LoginCallback"}  # whatever the broker's page returned with
        assert found["additionalProperties"] == ({"type": "string"} if anything else False) or anything


def test_an_answer_may_gain_fields_but_where_it_repeats_what_was_sent() -> None:
    sent = [body["content"]["application/json"]["schema"] for body in BODIES.values()]
    answered = [
        resolved(WHOLE, response)["content"]["application/json"]["schema"]
        for told in OPERATIONS.values()
        for response in told["responses"].values()
    ]

    closed = {found["title"] for found in objects(answered) if found.get("additionalProperties") is False}

    assert closed <= {found["title"] for found in objects(sent)}


@pytest.mark.parametrize("line", OPERATIONS)
def test_each_refusal_stands_under_the_status_of_its_codes(line: str) -> None:
    for status, response in OPERATIONS[line]["responses"].items():
        code = resolved(WHOLE, response)["content"]["application/json"]["schema"].get("properties", {}).get("code", {})
        assert [each for each in code.get("enum", []) if CODES[each].status != int(status)] == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_who_may_ask_is_said_with_the_permission(route: Route) -> None:
    told = OPERATIONS[f"{route.method} {route.path}"]
    schemes = {
        Auth.PUBLIC: [],
        Auth.PARTNER: ["PartnerKey", "PartnerSecret"],
        Auth.USER: ["SignIn"],
        Auth.ADMIN: ["SignIn"],
    }

    assert [name for each in told["security"] for name in each] == schemes[route.auth]
    if route.auth is Auth.PARTNER:
        needed = told["security"][0]["PartnerKey"]
        assert set(needed) <= set(Permission)
        assert all(permission in told.get("description", "") for permission in needed)


def test_what_a_route_reads_is_seen_in_its_code() -> None:
    api = Api()

    @api.admin("POST /things")
    def make(admin: str, ask: Ask) -> Reply:
        ask.query(Thing)
        return Reply(200, {"made": ask.body(Thing, may_be_missing=True)})

    found = {each.part: (each.model, each.may_be_missing) for each in models_read(make)}

    assert found == {"body": (Thing, True), "query": (Thing, False)}


class Thing(Model):
    name: str


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"statusCode": 200, "status": "ok", "stage": "dev", "more": 1}),
        (200, {"statusCode": 200, "status": "ok"}),
        (404, {"statusCode": 404}),
        (500, {"statusCode": 500, "error": "", "message": "", "code": "not_found", "request_id": ""}),
    ],
)
def test_an_answer_other_than_promised_is_found(status: int, body: object) -> None:
    hold("GET /health", 200, {"X-Request-Id": "r"}, {"statusCode": 200, "status": "ok", "stage": "dev"})

    with pytest.raises(AssertionError, match="GET /health answered"):
        hold("GET /health", status, {"X-Request-Id": "r"}, body)


def test_a_header_that_is_not_described_is_found() -> None:
    with pytest.raises(AssertionError, match="headers that are not documented"):
        hold("GET /health", 200, {"X-Other": "1"}, {"statusCode": 200, "status": "ok", "stage": "dev"})


def test_the_collection_has_every_route_of_a_partner_signed_with_variables() -> None:
    made = collection(WHOLE)
    requests = [item["request"] for folder in made["item"] for item in folder["item"]]
    partners = [route for route in ROUTES if route.auth in {Auth.PARTNER, Auth.PUBLIC}]
    signed = [each for each in requests if {"key": "X-Partner-Secret", "value": "{{api_secret}}"} in each["header"]]

    assert len(requests) == len(partners)
    assert len(signed) == sum(route.auth is Auth.PARTNER for route in ROUTES)
    assert made["auth"]["bearer"][0]["value"] == "{{api_key}}"


def test_the_document_is_made_the_same_each_time() -> None:
    document.cache_clear()

    assert json.loads(json.dumps(document())) == WHOLE
