"""Programs we start: each in a process group of its own, on a leash, and ended with all it started."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sandbox.platform import census
from sandbox.platform.places import ROOT, Places

LEASH = Path(__file__).with_name("leash.py")
GRACE_S = 20.0
"""How long a program may take to save its state and end; the emulator's takes about three seconds."""

LAST_LINES = 12


class Child(NamedTuple):
    """A program of ours, the leader of its group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to end, give it time to save, then end what is left of its group."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_S)
        end_group(self.process.pid)
        self.process.wait()

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])


def start(name: str, command: Sequence[str], env: Mapping[str, str], places: Places) -> Child:
    """Start a program on a leash, and note it for the next start to find."""
    leashed = [sys.executable, "-IS", str(LEASH), str(os.getpid()), *command]
    child = spawn(name, leashed, env, places)
    places.processes.write_text(json.dumps([*_noted(places), child.process.pid]))
    return child


def spawn(name: str, command: Sequence[str], env: Mapping[str, str], places: Places) -> Child:
    """Start a program in a group of its own, its words going to a log."""
    places.logs.mkdir(parents=True, exist_ok=True)
    log = places.logs / f"{name}.log"
    with log.open("wb") as words:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)


def end_group(group: int) -> None:
    """End every process of a group at once."""
    with suppress(ProcessLookupError, PermissionError):  # macOS answers so for a group that is gone
        os.killpg(group, signal.SIGKILL)


def forget(places: Places) -> None:
    """Everything that was started has ended."""
    places.processes.unlink(missing_ok=True)


def end_leftovers(places: Places) -> int:
    """End what an earlier start left behind, and return how many processes there were.

    A number may belong to somebody else by now, so only groups that name our folder are touched.
    """
    ended = sum(_end_leftover(group, str(places.state.resolve())) for group in _noted(places))
    forget(places)
    return ended


def _end_leftover(group: int, state: str) -> int:
    ours = [each for each in census.members(group) if state in each.command]
    if not ours:
        return 0
    with suppress(ProcessLookupError):
        os.kill(group, signal.SIGTERM)
    patience = time.monotonic() + GRACE_S
    while time.monotonic() < patience and any(each.pid == group for each in census.members(group)):
        time.sleep(0.1)
    end_group(group)
    return len(ours)


def _noted(places: Places) -> list[int]:
    try:
        groups: list[int] = json.loads(places.processes.read_text())
    except (FileNotFoundError, ValueError):
        return []
    return groups
