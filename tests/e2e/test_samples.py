"""The sample integrations partners start from: each a whole program, each to its end on the sandbox."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.platform.record import PartnerKey
from sandbox.platform.seed import create_partner_key
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e

SAMPLES = Path(__file__).parents[2] / "docs" / "partner-docs" / "samples"
COMMANDS: Mapping[str, Sequence[str]] = {
    "node.mjs": ["node", "node.mjs"],
    "python.py": [sys.executable, "-I", "python.py"],
    "curl.sh": ["bash", "curl.sh"],
}
A_LOW_LIMIT = {"requests_per_minute": 8, "requests_per_day": 1000}
"""Each sample asks more often than this, so each meets 429 and has to wait."""

type Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def ended(platform: Platform) -> Mapping[str, Ended]:
    """Every sample, all at once, each as a partner of its own."""
    keys = [_key(platform) for _ in COMMANDS]
    with ThreadPoolExecutor(len(COMMANDS)) as pool:
        ends = pool.map(lambda command, key: _run(platform, command, key), COMMANDS.values(), keys)
    return dict(zip(COMMANDS, ends, strict=True))


def _key(platform: Platform) -> PartnerKey:
    return create_partner_key(platform.admin(), partner_id=f"zebu{secrets.token_hex(3)}", rate_limits=A_LOW_LIMIT)


def _run(platform: Platform, command: Sequence[str], key: PartnerKey) -> Ended:
    told = {
        "QUANTLEAP_URL": platform.record.base_url,
        "QUANTLEAP_API_KEY": key.api_key,
        "QUANTLEAP_SECRET": key.api_secret,
    }
    return subprocess.run(
        command, cwd=SAMPLES, env=os.environ | told, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.fixture(params=COMMANDS)
def sample(ended: Mapping[str, Ended], request: pytest.FixtureRequest) -> Ended:
    return ended[request.param]


def test_a_sample_goes_from_the_key_to_filled_orders_and_the_end(sample: Ended) -> None:
    assert sample.returncode == 0, sample.stdout + sample.stderr
    lines = sample.stdout.splitlines()
    assert [line.rpartition(": ")[2] for line in lines if "NIFTY" in line and ": " in line] == ["filled"] * 4
    assert 'report: {"filled": 4}' in sample.stdout.replace('{"filled":4}', '{"filled": 4}')
    assert [line for line in lines if line.startswith(("paused", "resumed", "ended"))] == [
        "paused: PAUSED",
        "resumed: ACTIVE",
        "ended: CANCELLED",
    ]


def test_a_sample_waits_as_long_as_it_is_told_to(sample: Ended) -> None:
    assert any(line.startswith("429") for line in sample.stdout.splitlines())


def test_a_sample_does_not_repeat_what_no_repetition_helps(sample: Ended) -> None:
    assert sum(line.startswith("401 ") for line in sample.stdout.splitlines()) == 1


def test_a_sample_shows_no_secret(sample: Ended) -> None:
    assert "sk_zebu" not in sample.stdout + sample.stderr
