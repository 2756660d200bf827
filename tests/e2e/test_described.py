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


def answered(client: Client, operation: Operation) -> tuple[int, str]:
    method, path = operation.line.split()
    reply = client.send(method, re.sub(r"\{\w+\}", "1", path), body=operation.body)
    return reply.status, reply.body["code"]


def test_nothing_that_is_asked_is_answered_other_than_documented(platform: Platform, tmp_path: Path) -> None:
    """As a partner of its own and as the user; an administrator's requests could end what other tests live on."""
    record = platform.record
    key = create_partner_key(platform.admin(), partner_id="examiner", partner_name="Examiner")
    who = Identity(key.api_key, key.api_secret, record.user.token)

    verdict = examine(
        record.base_url, who, tmp_path, examples=1, phases=("examples", "fuzzing"), spared="^/(admin|options)/"
    )

    assert verdict.passed, verdict.report
