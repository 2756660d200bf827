"""Client code that was handed out with the first description of this API works as written, pointed at the sandbox."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import as_partner
from sandbox.platform.record import PartnerKey
from sandbox.platform.seed import create_partner_key
from tests.e2e.actors import User, a_template
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

SNIPPETS = Path(__file__).parent / "snippets"


@pytest.fixture(scope="module")
def key(platform: Platform) -> PartnerKey:
    """A key of a partner that has no users yet."""
    return create_partner_key(platform.admin(), partner_id=f"zebu{secrets.token_hex(3)}")


@pytest.fixture(scope="module")
def played(platform: Platform, key: PartnerKey) -> Mapping[str, Any]:
    """What the portal, its backend and the function with error handling made of the sandbox's answers."""
    user = User(platform, as_partner(platform.record.base_url, key))
    user.link().expect(201)
    told = {
        "QUANTLEAP_URL": platform.record.base_url,
        "QUANTLEAP_API_KEY": key.api_key,
        "QUANTLEAP_SECRET": key.api_secret,
        "QUANTLEAP_SECRET_KEY": key.api_secret,
        "CLIENT_ID": user.client_id,
        "EMAIL": user.email,
        "TEMPLATE_ID": a_template(platform),
        "OTHER_TEMPLATE_ID": a_template(platform),
    }
    ended = subprocess.run(
        ["node", SNIPPETS / "play.mjs"],  # noqa: S607 - whichever is on the path
        env=os.environ | told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said: Mapping[str, Any] = json.loads(ended.stdout)
    return said


def test_a_portal_shows_the_marketplace(played: Mapping[str, Any]) -> None:
    for template in played["marketplace"]["templates"]:
        assert {"basket_id", "template_id", "name", "description", "category", "pricing"} <= set(template)


def test_a_portal_subscribes_its_user(played: Mapping[str, Any]) -> None:
    assert played["shown"] == ["Subscribed successfully!"]


def test_the_function_with_error_handling_tells_a_first_subscription_from_a_second(played: Mapping[str, Any]) -> None:
    assert played["first"]["success"] is True
    assert played["first"]["data"]["subscription_id"].startswith("sub_")
    assert played["second"] == {
        "success": False,
        "error": "DUPLICATE_SUBSCRIPTION",
        "message": "You are already subscribed to this strategy",
    }
    assert played["logged"] == []


def test_the_curl_commands_are_answered_as_their_comments_say(platform: Platform, key: PartnerKey) -> None:
    placeholders = {
        "https://api-dev.quantleap.in": platform.record.base_url,
        "pk_zebu_test_XXXXXXXX": key.api_key,
        "sk_zebu_test_YYYYYYYY": key.api_secret,
        "basket_admin_test_strategy": a_template(platform),
    }
    said: list[Any] = []
    for command, expected in commands():
        body, status = curl(filled(command, placeholders))
        assert status == expected, body
        said.append(body)
        placeholders |= {"state_from_step1": body["state"]} if "state" in body else {}

    linked, begun, logged_in, subscribed, listed = said
    assert linked["broker_account"] | {"has_credentials": True, "has_oauth_token": False} == linked["broker_account"]
    assert begun["oauth_url"].endswith(f"state={begun['state']}")
    assert logged_in["token_expires_at"].endswith("Z")
    assert [each["subscription_id"] for each in listed["subscriptions"]] == [subscribed["subscription_id"]]


def commands() -> list[tuple[str, int]]:
    """Each command of the file, with the status its comment expects."""
    found = re.findall(r"^(curl .*?)\n+# Expected: (\d+)", (SNIPPETS / "curl.sh").read_text(), re.MULTILINE | re.DOTALL)
    return [(command, int(status)) for command, status in found]


def filled(command: str, placeholders: Mapping[str, str]) -> str:
    """The command with what its reader is to put in."""
    for placeholder, value in placeholders.items():
        command = command.replace(placeholder, value)
    return command


def curl(command: str) -> tuple[Any, int]:
    """The answer's body and status."""
    told = command.replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)
    shell = ["bash", "-c", told]
    ended = subprocess.run(shell, capture_output=True, text=True, timeout=30, check=True)
    body, _, status = ended.stdout.rpartition("\n")
    return json.loads(body), int(status)
