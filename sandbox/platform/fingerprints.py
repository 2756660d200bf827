"""What decides whether something has to be built or deployed again."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cdk_stack.bundling import SOURCE, own_fingerprint
from sandbox.platform.places import LAMBDA_FUNCTIONS, ROOT, Ports


class Fingerprint(NamedTuple):
    """The infrastructure and the functions' code, each as one short text."""

    infrastructure: str
    code: str

    def __str__(self) -> str:
        """Both, as stored."""
        return f"{self.infrastructure} {self.code}"


def fingerprint(ports: Ports) -> Fingerprint:
    """Read the files as they are now; the ports count because functions are told the broker's address."""
    described = [ROOT / "app.py", ROOT / "cdk.json", LAMBDA_FUNCTIONS / "requirements.txt"]
    described += (ROOT / "cdk_stack").rglob("*.py")
    return Fingerprint(_digest(described, ports.broker_url), own_fingerprint(SOURCE))


def _digest(files: Iterable[Path], *settings: str) -> str:
    digest = sha256("\0".join(settings).encode())
    for file in sorted(files):
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
