"""Every answer of the gateway in a process is held against the document that partners read."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs

from sandbox.openapi.document import document, resolved


def hold(line: str, status: int, headers: Mapping[str, str], body: object) -> None:
    """Fail where a route answers a status, a header, a code or a field that the document does not have."""
    response = _response(line, status)
    problems = [f"{list(error.instance_path)}: {error.message}" for error in _validator(line, status).iter_errors(body)]
    assert problems == [], f"{line} answered {status} other than described in sandbox/openapi/answers: {problems}"
    told = {name for name in headers if name.startswith("X-") or name in {"Retry-After", "Idempotent-Replayed"}}
    assert told <= set(response["headers"]), f"{line} answered {status} with headers that are not documented"


def _response(line: str, status: int) -> Mapping[str, Any]:
    method, path = line.split()
    responses: Mapping[str, Any] = _whole()["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{line} answered {status}, which sandbox/openapi/contract.py does not promise"
    return resolved(_whole(), responses[str(status)])


@cache
def _whole() -> Mapping[str, Any]:
    whole: Mapping[str, Any] = json.loads(json.dumps(document(strict=True)))
    return whole


@cache
def _validator(line: str, status: int) -> jsonschema_rs.Validator:
    schema = _response(line, status)["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": _whole()["components"]}, validate_formats=True)
