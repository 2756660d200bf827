"""Child processes on cores of their own: the one measured on the last core, whom it calls on the first."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench import certificates

ROOT = Path(__file__).parents[1]
PEERS = str(ROOT / ".sdks/bin/python")
"""Where the brokers' own clients are installed."""

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
CALLED, MEASURED = {CORES[0]}, {CORES[-1]}


class Server(NamedTuple):
    """A running broker and the authority that vouches for it."""

    url: str
    authority: Path


@contextmanager
def broker(latency_ms: float = 0) -> Iterator[Server]:
    """Serve on a core of its own until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        files = certificates.make(Path(folder))
        command = [sys.executable, "-m", "bench.broker", str(files.chain), str(files.key), str(latency_ms)]
        with _started(command) as process:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield Server(f"https://127.0.0.1:{int(process.stdout.readline())}", files.authority)


@contextmanager
def simulator(broker: str) -> Iterator[str]:
    """Serve one of the sandbox's brokers, without TLS, on a core of its own until the block ends."""
    with _started([sys.executable, "-m", "bench.simulator", broker]) as process:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _pin(process.pid, CALLED)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lines(command: Sequence[str], cores: set[int], told: Mapping[str, str]) -> Iterator[str]:
    """What a program writes, line by line, as it runs on its cores; raises when it fails.

    It is told these variables beside those of this process.
    """
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True) as process:
        _pin(process.pid, cores)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        yield from process.stdout
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def results(
    module: str,
    *arguments: object,
    authority: Path | None = None,
    python: str = sys.executable,
    cores: set[int] = MEASURED,
) -> Iterator[Any]:
    """What a module writes as lines of JSON; on the core that is measured, where nothing else is said.

    It trusts `authority` whichever HTTP client it uses.
    """
    command = [python, "-m", module, *map(str, arguments)]
    told = {} if authority is None else {"SSL_CERT_FILE": str(authority), "REQUESTS_CA_BUNDLE": str(authority)}
    return (json.loads(line) for line in lines(command, cores, told))


def _pin(process: int, cores: set[int]) -> None:
    """Keep a process to its cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process, cores)
