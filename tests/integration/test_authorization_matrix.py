"""Every route of the document, asked by everybody who may not: the documented refusal, and nothing of anybody else's.

The routes are read from the document that is served, so a new one is in here as soon as it is described.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

import pytest

from cdk_stack.routes import ROUTES
from quantleap.domain.partner import Permission
from quantleap.runtime.described import described
from tests.integration.gateway import Answer, answer, find
from tests.integration.promised import hold
from tests.integration.world import EMAIL, FrontDoor, World, a_key, a_stage, build, claims, headers

ANYWHERE: Mapping[str, str] = {"scope": "platform", "number": "1", "kind": "lot-sizes"}
"""Parts of the path that are nobody's."""

THEIRS = ("client_id", "subscription_id", "run_id", "user_id")
"""Parts of the path that belong to one user, and so to one tenant."""


NUMBERS = count(1)

type Issue = Callable[..., Mapping[str, Any]]


class Operation(NamedTuple):
    line: str
    schemes: Mapping[str, list[str]]
    body: Any

    @property
    def door(self) -> str:
        if not self.schemes:
            return "public"
        if "PartnerKey" in self.schemes:
            return "partner"
        return "admin" if "Admins" in self.schemes["SignIn"] else "user"

    @property
    def needed(self) -> list[str]:
        return self.schemes.get("PartnerKey", [])

    @property
    def parts(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.line)

    def at(self, world: World) -> str:
        """The line with the names of what is there."""
        names = {**ANYWHERE, **world.of_partner, "basket_id": world.template_id}
        return self.line.format(**{**names, **world.of_user} if self.door == "user" else names)


def operations() -> Iterator[Operation]:
    for path, methods in json.loads(described())["paths"].items():
        for method, told in methods.items():
            content = told.get("requestBody", {}).get("content", {}).get("application/json", {})
            schemes = {name: roles for each in told["security"] for name, roles in each.items()}
            yield Operation(f"{method.upper()} {path}", schemes, content.get("example"))


EVERY = list(operations())


def routes(*doors: str, having: Callable[[Operation], object] = lambda _: True) -> pytest.MarkDecorator:
    chosen = [each for each in EVERY if each.door in doors and having(each)]
    return pytest.mark.parametrize("operation", chosen, ids=[each.line for each in chosen])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_stage():
        yield build()


@pytest.fixture(scope="module")
def issue(world: World) -> Issue:
    """Issues a key of each kind once: hashing its secret takes long."""
    issued: dict[str, Mapping[str, Any]] = {}

    def one(**changes: object) -> Mapping[str, Any]:
        name = str(changes)
        issued[name] = issued.get(name) or a_key(world.admin, **changes)
        return issued[name]

    return one


def refused(said: Answer, status: int, code: str) -> None:
    assert (said.status, said.body["code"], said.body["statusCode"]) == (status, code, status)


def nothing_of(world: World, said: Answer, asked: str) -> None:
    """No name of anybody's in the answer, but those that were asked with."""
    text = json.dumps(said.body)
    names = {*world.of_partner.values(), *world.of_user.values(), EMAIL, "Asha Rao"} - {world.template_id}
    assert [name for name in names if name in text and name not in asked] == []


def test_every_route_of_the_stack_is_in_the_matrix() -> None:
    assert {each.line for each in EVERY} == {f"{route.method} {route.path}" for route in ROUTES}


@routes("partner", "user", "admin")
def test_without_credentials(world: World, operation: Operation) -> None:
    said = FrontDoor()(operation.at(world), operation.body)

    refused(said, 401, "invalid_credentials")
    nothing_of(world, said, "")


@routes("partner", "user", "admin")
def test_past_the_gateway_without_an_authorizers_word(world: World, operation: Operation) -> None:
    route, parts = find(*operation.at(world).split())
    event = {
        "httpMethod": route.method,
        "resource": route.path,
        "pathParameters": parts,
        "requestContext": {"requestId": "request-1", "identity": {"sourceIp": "198.51.100.7"}},
        "body": json.dumps(operation.body),
    }

    said = answer(route.function, event)

    refused(said, *((401, "invalid_credentials") if operation.door == "partner" else (403, "id_token_required")))
    hold(operation.line, said.status, said.headers, said.body)
    nothing_of(world, said, "")


MALFORMED: Mapping[str, Callable[[Mapping[str, str]], dict[str, str]]] = {
    "only the key": lambda own: {"Authorization": own["Authorization"]},
    "only the secret": lambda own: {"X-Partner-Secret": own["X-Partner-Secret"]},
    "the halves swapped": lambda own: {
        "Authorization": f"Bearer {own['X-Partner-Secret']}",
        "X-Partner-Secret": own["Authorization"].removeprefix("Bearer "),
    },
    "another scheme": lambda own: {**own, "Authorization": own["Authorization"].replace("Bearer", "Basic")},
    "a letter too many": lambda own: {**own, "X-Partner-Secret": own["X-Partner-Secret"] + "0"},
    "a secret of nobody": lambda own: {**own, "X-Partner-Secret": "sk_zebu_test_" + "0" * 48},
    "a key of nobody": lambda own: {**own, "Authorization": "Bearer pk_zebu_test_" + "0" * 32},
    "letters of no alphabet": lambda own: {**own, "X-Partner-Secret": "sk_zebu_test_" + "\u0663" * 48},
    "ten thousand letters": lambda own: {**own, "Authorization": "Bearer " + "x" * 10_000},
    "a person's token": lambda own: {**own, "Authorization": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbi0xIn0."},
}


@routes("partner")
def test_with_malformed_credentials(world: World, operation: Operation) -> None:
    for made in MALFORMED.values():
        said = FrontDoor(made(world.partner.headers))(operation.at(world), operation.body)

        refused(said, 401, "invalid_credentials")
        nothing_of(world, said, "")


@routes("user", "admin")
def test_a_partners_key_is_no_sign_in(world: World, operation: Operation) -> None:
    refused(FrontDoor(world.partner.headers)(operation.at(world), operation.body), 401, "invalid_credentials")


@routes("user", "admin")
def test_with_another_token_of_the_sign_in(world: World, operation: Operation) -> None:
    for kind in ({"token_use": "access"}, {"token_use": None}, {"sub": None}):
        said = FrontDoor(claims={**claims("meera", group="Admins"), **kind})(operation.at(world), operation.body)

        refused(said, 403, "id_token_required")
        nothing_of(world, said, "")


@routes("admin")
def test_a_user_who_is_no_administrator(world: World, operation: Operation) -> None:
    for group in (None, "Traders", "Admin", "admins", "NotAdmins,SuperAdmins"):
        said = FrontDoor(claims=claims("meera", group=group))(operation.at(world), operation.body)

        refused(said, 403, "admins_only")
        nothing_of(world, said, "")


@pytest.fixture
def stranger(world: World) -> FrontDoor:
    """Another partner, who has nothing yet, with every permission."""
    name = f"acme{next(NUMBERS)}"
    return FrontDoor(headers(a_key(world.admin, partner_id=name, partner_name=name)))


def everybodys(world: World, said: Answer, operation: Operation) -> None:
    """Whoever it is, only the documented: 404 where somebody else's is named, and never a name of theirs."""
    asked = operation.at(world) + json.dumps(operation.body)
    if set(operation.parts) & set(THEIRS):
        refused(said, 404, "not_found")
    nothing_of(world, said, asked)


@routes("partner")
def test_another_partners_credentials(world: World, stranger: FrontDoor, operation: Operation) -> None:
    everybodys(world, stranger(operation.at(world), operation.body), operation)


@routes("partner")
def test_the_partners_own_key_of_the_other_environment(world: World, issue: Issue, operation: Operation) -> None:
    live = FrontDoor(headers(issue(environment="live")))

    everybodys(world, live(operation.at(world), operation.body), operation)


@routes("user")
def test_another_user(world: World, operation: Operation) -> None:
    everybodys(world, FrontDoor(claims=claims("ravi"))(operation.at(world), operation.body), operation)


@routes("partner", "user", having=lambda each: set(each.parts) & set(THEIRS))
def test_what_is_refused_as_somebody_elses_is_there(world: World, operation: Operation) -> None:
    """The refusals above are of what exists: its own partner or user is not told 404."""
    own = world.user if operation.door == "user" else world.partner
    looked_at = operation.line.split("{")[0].split()[1] + "{" + operation.parts[0] + "}"

    assert own(Operation(f"GET {looked_at}", operation.schemes, None).at(world)).status == 200


@routes("partner", having=lambda each: each.needed)
def test_with_every_permission_but_the_one_that_is_needed(world: World, issue: Issue, operation: Operation) -> None:
    others = [each for each in Permission if each not in operation.needed]
    said = FrontDoor(headers(issue(permissions=others)))(operation.at(world), operation.body)

    refused(said, 403, "permission_denied")
    assert operation.needed[0] in said.body["message"]
    nothing_of(world, said, "")


@routes("partner")
def test_from_an_address_that_is_not_allowed(world: World, issue: Issue, operation: Operation) -> None:
    for allowed in ("203.0.113.0/28", "2001:db8::/32", "198.51.100.8"):
        said = FrontDoor(headers(issue(allowed_ips=[allowed])))(operation.at(world), operation.body)

        refused(said, 403, "ip_not_allowed")
        nothing_of(world, said, "")


def remembered(operation: Operation, world: World, key: Mapping[str, Any]) -> Answer:
    """The answer to a key that the gateway still trusts, because it asked the authorizer less than a minute ago."""
    route, parts = find(*operation.at(world).split())
    event = {
        "httpMethod": route.method,
        "resource": route.path,
        "pathParameters": parts,
        "requestContext": {
            "requestId": "request-1",
            "identity": {"sourceIp": "198.51.100.7"},
            "authorizer": {"api_key_id": key["api_key_id"], "secret_version": "1"},
        },
        "body": json.dumps(operation.body),
    }
    said = answer(route.function, event)
    hold(operation.line, said.status, said.headers, said.body)
    return said


@routes("partner")
def test_a_revoked_key_from_the_next_request_on(world: World, issue: Issue, operation: Operation) -> None:
    key = issue(partner_name="To be revoked")
    world.admin(f"DELETE /admin/partner-api-keys/{key['api_key_id']}")

    refused(FrontDoor(headers(key))(operation.at(world), operation.body), 401, "invalid_credentials")
    refused(remembered(operation, world, key), 401, "key_revoked")


@routes("partner")
def test_a_secret_that_was_replaced(world: World, issue: Issue, operation: Operation) -> None:
    key = issue(partner_name="To be given another secret")
    world.admin(f"POST /admin/partner-api-keys/{key['api_key_id']}/rotate", {"overlap_hours": 0})

    refused(FrontDoor(headers(key))(operation.at(world), operation.body), 401, "invalid_credentials")
    refused(remembered(operation, world, key), 401, "secret_rotated")
