"""What has to be there before anything is started."""

import re
import shutil
import socket
import subprocess

from sandbox.platform.places import CDK, EMULATOR_PYTHON, LOOPBACK, Ports
from sandbox.problem import Problem

LEAST_NODE = 20


def check_tools() -> None:
    """Refuse to start with a tool missing, and say how to get it."""
    if not EMULATOR_PYTHON.exists():
        raise Problem("the AWS emulator is not installed: run `make setup`")
    if not CDK.exists():
        raise Problem("the CDK command line is not installed: run `make setup`")
    version = _node_version()
    if version is None:
        raise Problem(f"node is missing: install Node.js {LEAST_NODE} or later")
    if version < LEAST_NODE:
        raise Problem(f"node is version {version}: install Node.js {LEAST_NODE} or later")


def check_ports(ports: Ports) -> None:
    """Refuse to start where somebody else listens."""
    taken = [str(port) for port in ports if not _free(port)]
    if taken:
        names = " and ".join(taken)
        raise Problem(
            f"port {names} is taken: free it, or choose another first port with `make run PORT={ports.gateway + 100}`"
        )


def _node_version() -> int | None:
    node = shutil.which("node")
    if node is None:
        return None
    words = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", words)
    return int(found[1]) if found else None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
