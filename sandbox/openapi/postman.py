"""A Postman collection of the partner's and everybody's routes, made from the document."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.openapi.document import resolved

type Json = dict[str, Any]

ABOUT = """Set the variables `base_url`, `api_key` and `api_secret`; every request of yours is signed with them.

`base_url` is the address you were given, without a slash at its end; in the sandbox `.local/sandbox.json` has it."""

FOLDERS = ("Everyone", "Partner")
"""Whose routes a partner's backend calls."""


def collection(document: Mapping[str, Any]) -> Json:
    """The collection, a folder for each heading."""
    folders: dict[str, list[Json]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation["tags"][0]
            if tag.startswith(FOLDERS):
                folders.setdefault(tag, []).append(_item(method.upper(), path, operation, document))
    return {
        "info": {
            "name": document["info"]["title"],
            "description": ABOUT,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_key}}", "type": "string"}]},
        "variable": [{"key": name, "value": ""} for name in ("base_url", "api_key", "api_secret")],
        "item": [{"name": name, "item": items} for name, items in folders.items()],
    }


def _item(method: str, path: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Json:
    request = _request(method, path, operation)
    return {
        "name": operation["summary"].removesuffix("."),
        "request": {**request, "description": operation.get("description", "")},
        "response": list(_responses(request, operation, document)),
    }


def _request(method: str, path: str, operation: Mapping[str, Any]) -> Json:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    request: Json = {"method": method, "header": _headers(operation), "url": _url(path, operation)}
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if body:
        raw = json.dumps(body.get("example", {}), indent=2, ensure_ascii=False)
        request["body"] = {"mode": "raw", "raw": raw, "options": {"raw": {"language": "json"}}}
    return request


def _headers(operation: Mapping[str, Any]) -> list[Json]:
    found = [{"key": "X-Partner-Secret", "value": "{{api_secret}}"}] if operation["security"] else []
    if "requestBody" in operation:
        found.append({"key": "Content-Type", "value": "application/json"})
    named = [each for each in operation["parameters"] if each["in"] == "header"]
    return [*found, *({"key": each["name"], "value": "{{$guid}}", "disabled": True} for each in named)]


def _url(path: str, operation: Mapping[str, Any]) -> Json:
    pieces = [f":{piece[1:-1]}" if piece.startswith("{") else piece for piece in path.strip("/").split("/")]
    query = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
    url: Json = {"raw": "{{base_url}}/" + "/".join(pieces), "host": ["{{base_url}}"], "path": pieces}
    variables = [{"key": piece[1:], "value": ""} for piece in pieces if piece.startswith(":")]
    return {
        **url,
        **({"variable": variables} if variables else {}),
        **({"query": [{"key": name, "value": "", "disabled": True} for name in query]} if query else {}),
    }


def _responses(request: Json, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[Json]:
    for status, response in operation["responses"].items():
        for name, example in resolved(document, response)["content"]["application/json"].get("examples", {}).items():
            yield {
                "name": f"{status} {name.replace('_', ' ')}",
                "originalRequest": request,
                "code": int(status),
                "header": [{"key": "Content-Type", "value": "application/json"}],
                "body": json.dumps(example["value"], indent=2, ensure_ascii=False),
            }
