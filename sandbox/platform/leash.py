"""Becomes another program that the kernel ends with its parent: `leash.py PARENT PROGRAM ARGUMENT...`.

Linux only; elsewhere a parent that was killed leaves its children to the next start. Runs as a file of its own, by
any Python, so it imports nothing of ours.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Take the leash, make sure the parent is still there to hold it, and become the program."""
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(parent):
        os.execv(program, [program, *arguments])  # noqa: S606 - the programs started are ours


if __name__ == "__main__":
    main()
