"""The document over HTTP: served as it is checked in, and kept by the whole platform."""

import json
import re
from pathlib import Path

import pytest

from quantleap.runtime.described import FILE
from sandbox.client import Client, as_person
from sandbox.platform.seed import create_partner_key
from tests.e2e.platform import Platform
from tests.examiner import Identity, examine
from tests.integration.test_authorization_matrix import EVERY, Operation

pytestmark = pytest.mark.e2e


def test_anybody_reads_the_document_that_is_checked_in(platform: Platform) -> None:
    served = Client(platform.record.base_url).get("/openapi.json")

    assert (served.status, served.headers["Content-Type"]) == (200, "application/json")
    assert served.body == json.loads(FILE.read_text())


def test_the_gateway_lets_nobody_in_without_credentials(platform: Platform) -> None:
    """What an authorizer does is the gateway's alone, so it is asked of the gateway."""
    nobody, user = Client(platform.record.base_url), as_person(platform.record.base_url, platform.record.user.token)
    protected = [operation for operation in EVERY if operation.door != "public"]
    administrators = [operation for operation in EVERY if operation.door == "admin"]

    refused = {operation.line: answered(nobody, operation) for operation in protected}
    forbidden = {operation.line: answered(user, operation) for operation in administrators}

    assert refused == {operation.line: (401, "invalid_credentials") for operation in protected}
    assert forbidden == {operation.line: (403, "admins_only") for operation in administrators}


def test_each_path_names_the_methods_it_has_to_whoever_may_enter(platform: Platform) -> None:
    callers = {
        "public": Client(platform.record.base_url),
        "partner": platform.partner(),
        "user": as_person(platform.record.base_url, platform.record.user.token),
        "admin": platform.admin(),
    }
    methods: dict[tuple[str, str], set[str]] = {}
    for operation in EVERY:
        method, path = operation.line.split()
        methods.setdefault((operation.door, path), set()).add(method)

    refused = {(door, path): callers[door].send("TRACE", re.sub(r"\{\w+\}", "1", path)) for door, path in methods}

    assert {where: (reply.status, reply.body["code"]) for where, reply in refused.items()} == dict.fromkeys(
        methods, (405, "method_not_allowed")
    )
    assert {where: set(reply.headers["Allow"].split(", ")) for where, reply in refused.items()} == methods


def answered(client: Client, operation: Operation) -> tuple[int, str]:
    method, path = operation.line.split()
    reply = client.send(method, re.sub(r"\{\w+\}", "1", path), body=operation.body)
    return reply.status, reply.body["code"]


def test_nothing_that_is_asked_is_answered_other_than_documented(platform: Platform, tmp_path: Path) -> None:
    """As a partner of its own and as the user."""
    record = platform.record
    key = create_partner_key(platform.admin(), partner_id="examiner", partner_name="Examiner")
    who = Identity(key.api_key, key.api_secret, record.user.token)

    verdict = examine(
        record.base_url, who, tmp_path, examples=1, phases=("examples", "fuzzing"), spared="^/(admin|options)/"
    )

    assert verdict.passed, verdict.report


@pytest.mark.last
def test_nothing_an_administrator_asks_is_answered_other_than_documented(platform: Platform, tmp_path: Path) -> None:
    """The last of all tests: whoever asks whatever he likes as an administrator halts everybody's trading, too."""
    record = platform.record
    who = Identity(record.partner.api_key, record.partner.api_secret, record.admin.token)

    verdict = examine(
        record.base_url,
        who,
        tmp_path,
        examples=1,
        phases=("examples", "coverage", "fuzzing"),
        spared="^/(partner|user|marketplace)/",
    )

    assert verdict.passed, verdict.report
