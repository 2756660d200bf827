"""`make demo`, as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.platform.places import ROOT
from tests.e2e.platform import Platform

pytestmark = pytest.mark.e2e


def demo(state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", "demo", "--state", str(state)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)


def test_the_demo_plays_to_its_end(platform: Platform) -> None:
    played = demo(platform.places.state)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "All as it should be" in played.stdout
    assert "subscription_paused" in played.stdout


def test_the_demo_says_when_there_is_no_platform(tmp_path: Path) -> None:
    played = demo(tmp_path)
    assert played.returncode == 1
    assert len(played.stderr.splitlines()) == 1
    assert "make run" in played.stderr
