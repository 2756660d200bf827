"""A platform of the tests' own, started and stopped as a person does it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.client import Client, as_partner, as_person
from sandbox.platform import census
from sandbox.platform.places import ROOT, Places
from sandbox.platform.processes import LEASH
from sandbox.platform.record import Record

START_S = 300
STOP_S = 60
UP = "QuantLeap is up"


class Platform:
    """`make run` on a folder and a port, in a process of its own."""

    def __init__(self, state: Path, port: int) -> None:
        self.places = Places(state)
        self.port = port
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Come back once it is up."""
        process = self.process = subprocess.Popen(
            leashed(run_command(self.places.state, self.port)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if "end everything" in line or "Ctrl-C" in line:
                break
        assert any(UP in line for line in told), "".join(told)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.communicate(timeout=STOP_S)
        return self.process.returncode

    @property
    def record(self) -> Record:
        """Its `sandbox.json`."""
        return Record.read(self.places.record)

    def partner(self, connections: int = 4) -> Client:
        """The partner's backend."""
        return as_partner(self.record.base_url, self.record.partner, connections=connections)

    def admin(self) -> Client:
        """The signed-in administrator."""
        return as_person(self.record.base_url, self.record.admin.token)

    def broker(self) -> Client:
        """The simulator."""
        return Client(self.record.broker_url)

    def processes(self) -> Sequence[census.Running]:
        """All that was started for this folder and still runs."""
        return [each for each in census.running() if str(self.places.state) in each.command]

    def workers(self, function: str) -> Sequence[census.Running]:
        """The emulator's processes that serve a function."""
        return [each for each in self.processes() if f"-{function}-" in each.command]


def run_command(state: Path, port: int) -> list[str]:
    """What `make run` runs."""
    return [sys.executable, "-m", "sandbox", "run", "--port", str(port), "--state", str(state)]


def leashed(command: Sequence[str]) -> list[str]:
    """A command that ends with the tests, however they end."""
    return [sys.executable, "-IS", str(LEASH), str(os.getpid()), *command]


def free_port() -> int:
    """A port that is free, with the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Somebody else on a port."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        yield
