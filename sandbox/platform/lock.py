"""One platform on one folder of state."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from sandbox.platform.places import Places
from sandbox.problem import Problem

PRIVATE = 0o077
"""What nobody but the owner gets of whatever the platform writes: keys, sessions and secrets lie in its state."""


@contextmanager
def held(places: Places) -> Iterator[None]:
    """Hold the folder; it is free again when this process ends, however it ends."""
    with _lock_file(places) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(_taken(places)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock_file(places: Places) -> TextIO:
    try:
        os.umask(PRIVATE)
        places.state.mkdir(parents=True, exist_ok=True)
        if places.lock.exists():  # ours, perhaps of an earlier version; a new one is private already
            places.state.chmod(0o700)
        return places.lock.open("a+")
    except OSError as error:
        raise Problem(f"{places.state} cannot hold the local state: {error.strerror}") from None


def _taken(places: Places) -> str:
    owner = places.lock.read_text().strip()
    return f"the platform runs on {places.state} already (process {owner}): end it with Ctrl-C or `kill {owner}`"
