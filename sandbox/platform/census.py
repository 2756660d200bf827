"""Which programs run on this machine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Running(NamedTuple):
    """A process, the group it belongs to, and the command it was started with."""

    pid: int
    group: int
    command: str


def running() -> list[Running]:
    """Every process that has not ended."""
    return list(_from_proc() if (PROC / "self" / "stat").exists() else _from_ps())


def members(group: int) -> list[Running]:
    """The processes of a group."""
    return [each for each in running() if each.group == group]


def _from_proc() -> Iterator[Running]:
    for folder in PROC.glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
        except OSError:
            continue  # ended while we looked
        if command:  # a process that ended and was not collected has none
            yield Running(int(folder.name), int(status.rpartition(")")[2].split()[2]), command)


def _from_ps() -> Iterator[Running]:
    table = subprocess.run(["/bin/ps", "-A", "-o", "pid=,pgid=,command="], check=True, capture_output=True, text=True)
    for line in table.stdout.splitlines():
        pid, group, command = line.split(maxsplit=2)
        yield Running(int(pid), int(group), command)
