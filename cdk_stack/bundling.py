"""What the functions are deployed as: our code, and the dependency layer, built by uv from wheels alone.

A folder is named by what went into it, so it is built once, and it appears whole or not at all. Bytecode lies beside
the sources: Lambda's folders cannot be written to, so without it every cold start would compile everything anew.
"""

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory
from typing import NamedTuple

from cdk_stack.stage import Stage

PYTHON_VERSION = "3.13"
AWS_PLATFORM = "aarch64-manylinux2014"
ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "lambda_functions"
REQUIREMENTS = SOURCE / "requirements.txt"
LAYERS = ROOT / ".local" / "layers"
SOURCES = ROOT / ".local" / "functions"
LEFT_OUT = ("requirements.txt", "__pycache__", ".*")

type Install = Callable[[Path, str, Path], None]
"""Install what a requirements file names, for a platform, into a folder."""


class BundlingFailed(Exception):
    """The layer could not be built; the message holds the installer's own words."""


class FunctionCode(NamedTuple):
    """What the functions are made of: our own code, and the layer with its fingerprint; both with bytecode."""

    source: Path
    layer: Path
    fingerprint: str


def function_code(stage: Stage) -> FunctionCode:
    """Return the code for the stage's platform, with what was missing of it built."""
    platform = AWS_PLATFORM if stage.platform == "aws" else "local"
    key = fingerprint(REQUIREMENTS, platform)
    return FunctionCode(own_code(), build_layer(REQUIREMENTS, platform, LAYERS / key), key)


def own_code() -> Path:
    """Return our own code as every deployment carries it, built if it was not there."""
    return build_own(SOURCE, SOURCES / own_fingerprint(SOURCE))


def fingerprint(requirements: Path, platform: str) -> str:
    """Name what a layer depends on: the pinned requirements, the platform, the Python."""
    host = sys.platform + os.uname().machine if platform == "local" else ""
    parts = (requirements.read_text(), platform, host, PYTHON_VERSION, "with bytecode")
    return sha256("\0".join(parts).encode()).hexdigest()[:24]


def own_fingerprint(source: Path) -> str:
    """Name what our own code is: every file's name and text."""
    digest = sha256(PYTHON_VERSION.encode())
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"\0{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:24]


def build_own(source: Path, target: Path) -> Path:
    """Return `target`, filled with our code if it was not there."""
    return _built(target, lambda made: shutil.copytree(source, made, ignore=shutil.ignore_patterns(*LEFT_OUT)))


def build_layer(requirements: Path, platform: str, target: Path, install: Install | None = None) -> Path:
    """Return `target`, filled with what the functions need if it was not there."""
    return _built(target, lambda made: (install or uv_install)(requirements, platform, made / "python"))


def _built(target: Path, fill: Callable[[Path], object]) -> Path:
    """Fill and compile a folder; two builders at once end with one whole folder."""
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=target.parent, prefix="unfinished-") as unfinished:
        made = Path(unfinished) / "made"
        fill(made)
        # Unchecked, for a deployment changes the files' times; the folder's name says what the sources were.
        compileall.compile_dir(made, quiet=2, stripdir=unfinished, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        try:
            made.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    return target


def uv_install(requirements: Path, platform: str, into: Path) -> None:
    """Install wheels only; `local` means the machine this runs on."""
    place = ["--python-platform", platform] if platform != "local" else []
    command = [
        *(_uv(), "pip", "install", "--quiet", "--python", sys.executable),
        *("--python-version", PYTHON_VERSION, *place, "--only-binary", ":all:"),
        *("--target", str(into), "--requirement", str(requirements)),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise BundlingFailed(error.stderr.strip()) from None


def _uv() -> str:
    """Find uv beside this Python, in the project's tools, or on the path."""
    places = (Path(sys.executable).parent, ROOT / ".tools" / "bin", os.environ.get("PATH", os.defpath))
    found = shutil.which("uv", path=os.pathsep.join(map(str, places)))
    if found is None:
        raise BundlingFailed("uv is missing: `make` installs it, or `pip install uv`")
    return found
