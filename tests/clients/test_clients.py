"""What partners' generators make of the API's description: it is made without a warning, compiles, and works."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.served import TOKEN, served
from tests.integration.world import a_stage, build, claims

pytestmark = pytest.mark.clients

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DESCRIPTION = ROOT / "docs" / "partner-docs" / "openapi.json"
CLIENTS = ROOT / ".clients"
PYTHON = CLIENTS / "bin" / "python"
NODE_PROGRAMS = CLIENTS / "node_modules" / ".bin"

type Caller = Sequence[str]
"""The address of the API, a partner's key and secret, and an administrator's sign-in."""


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    with a_stage(), served(claims("meera", group="Admins")) as url:
        own = build().partner.headers
        yield url, own["Authorization"].removeprefix("Bearer "), own["X-Partner-Secret"], TOKEN


def test_a_python_client_is_made_whole_and_trades(tmp_path: Path, caller: Caller) -> None:
    said = run(
        CLIENTS / "bin" / "openapi-python-client",
        *("generate", "--path", DESCRIPTION, "--output-path", "quantleap_client", "--meta", "none"),
        "--fail-on-warning",
        cwd=tmp_path,
    )
    shutil.copy(HERE / "journey.py", tmp_path)

    assert said.splitlines() == ["Generating quantleap_client"]
    assert untyped(tmp_path / "quantleap_client" / "api") == []
    run(PYTHON, "-W", "error", "-m", "compileall", "-q", "quantleap_client", cwd=tmp_path)
    run(PYTHON, "-W", "error", "journey.py", *caller, cwd=tmp_path)


def test_a_typescript_client_compiles_strictly_and_trades(tmp_path: Path, caller: Caller) -> None:
    said = run(NODE_PROGRAMS / "openapi-typescript", DESCRIPTION, "--output", "api.d.ts", cwd=tmp_path)
    for name in ("journey.mts", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")

    assert len(said.splitlines()) == 2, said  # its own name, and what was written in which time
    run(NODE_PROGRAMS / "tsc", "--project", ".", cwd=tmp_path)
    run("node", "journey.mjs", *caller, cwd=tmp_path)


def untyped(package: Path) -> Sequence[str]:
    """The operations whose body or answer may be anything."""
    return sorted(
        path.stem for path in package.rglob("*.py") if "body: Any" in (text := path.read_text()) or "[Any]" in text
    )


def run(program: Path | str, *arguments: Path | str, cwd: Path) -> str:
    """What a program says; one that fails, fails the test with that."""
    path = os.pathsep.join((str(CLIENTS / "bin"), os.environ["PATH"]))  # the generator formats with ruff
    environ = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run([program, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
