"""Starting where something is in the way: one clear line, nothing half started."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sandbox.platform.places import ROOT
from tests.e2e.platform import Platform, free_port, listening, run_command

pytestmark = pytest.mark.e2e


def refused(state: Path, port: int, **environment: str) -> str:
    ended = subprocess.run(
        run_command(state, port),
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert not Platform(state, port).processes()
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr


def test_a_taken_first_port_is_named(tmp_path: Path) -> None:
    port = free_port()
    with listening(port):
        assert f"port {port} is taken" in refused(tmp_path, port)


def test_a_taken_port_of_the_broker_is_named(tmp_path: Path) -> None:
    port = free_port()
    with listening(port + 1):
        assert f"port {port + 1} is taken" in refused(tmp_path, port)


def test_a_port_that_cannot_be_is_refused(tmp_path: Path) -> None:
    assert "choose one from 1024 to 65534" in refused(tmp_path, 65535)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot hold the local state" in refused(tmp_path / "file" / "state", free_port())


def test_node_is_missed_by_name(tmp_path: Path) -> None:
    assert "node is missing" in refused(tmp_path, free_port(), PATH="/nowhere")


def test_a_second_start_on_the_same_folder_is_told_who_holds_it(platform: Platform) -> None:
    process = platform.process
    assert process is not None

    line = subprocess.run(
        run_command(platform.places.state, free_port()), cwd=ROOT, capture_output=True, text=True, check=False
    ).stderr

    assert f"(process {process.pid})" in line
    assert platform.partner().get("/partner/me").ok


def test_ending_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path) -> None:
    platform = Platform(tmp_path, free_port())
    process = subprocess.Popen(
        run_command(tmp_path, platform.port), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    while not (platform.places.logs / "cdk-synth.log").exists():
        time.sleep(0.05)

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert not platform.processes()
