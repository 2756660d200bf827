"""Where everything is: the project's files, the folder of local state, the ports."""

from pathlib import Path
from typing import NamedTuple, Self

from sandbox.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
EMULATOR_PYTHON = ROOT / ".emulator" / "bin" / "python"
CDK = ROOT / "node_modules" / ".bin" / "cdk"
LAMBDA_FUNCTIONS = ROOT / "lambda_functions"

LOOPBACK = "127.0.0.1"
LOWEST_PORT = 1024
HIGHEST_PORT = 65535

BLOCKED_PORTS = {
    1719,
    1720,
    1723,
    2049,
    3659,
    4045,
    4190,
    5060,
    5061,
    6000,
    6566,
    *range(6665, 6670),
    6679,
    6697,
    10080,
}
"""The "bad ports" of the Fetch standard that we might take: pages and programs of partners could not reach us."""


class Places(NamedTuple):
    """The folder of local state, and what lies in it."""

    state: Path

    @property
    def logs(self) -> Path:
        """One file for each program that ran."""
        return self.state / "logs"

    @property
    def emulator(self) -> Path:
        """What the emulator saves when it is stopped."""
        return self.state / "emulator"

    @property
    def scratch(self) -> Path:
        """Unpacked functions; emptied at each start."""
        return self.state / "scratch"

    @property
    def broker(self) -> Path:
        """What the broker simulator saves when it is stopped."""
        return self.state / "broker.json"

    @property
    def template(self) -> Path:
        """The synthesised stack."""
        return self.state / "cdk.out"

    @property
    def record(self) -> Path:
        """Addresses and credentials, for people and programs that use the platform."""
        return self.state / "sandbox.json"

    @property
    def lock(self) -> Path:
        """Held by the one platform that runs on this folder."""
        return self.state / "run.lock"

    @property
    def processes(self) -> Path:
        """What was started, to be ended by the next start when this one could not."""
        return self.state / "processes.json"


class Ports(NamedTuple):
    """The listeners, all on loopback; each follows from the first."""

    gateway: int
    broker: int

    @classmethod
    def following(cls, first: int) -> Self:
        """The ports of a platform whose first one was chosen."""
        ports = cls(first, first + 1)
        if not LOWEST_PORT <= min(ports) <= max(ports) <= HIGHEST_PORT:
            raise Problem(f"port {first} does not do: choose one from {LOWEST_PORT} to {HIGHEST_PORT - 1}")
        if blocked := sorted(set(ports) & BLOCKED_PORTS):
            raise Problem(
                f"port {blocked[0]} does not do: browsers and Node.js refuse to connect to it; choose another"
            )
        return ports

    @property
    def gateway_url(self) -> str:
        """The emulated AWS."""
        return f"http://{LOOPBACK}:{self.gateway}"

    @property
    def broker_url(self) -> str:
        """The broker simulator."""
        return f"http://{LOOPBACK}:{self.broker}"
