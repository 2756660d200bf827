"""The stages, synthesised by the real app once per test run, whichever worker asks first."""

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.template import Template

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _synthesised("dev", _shared(tmp_path_factory))


@pytest.fixture(scope="session")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return _synthesised("prod", _shared(tmp_path_factory))


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Stage `prod` with users' secrets sealed in the table."""
    return _synthesised("prod", _shared(tmp_path_factory), credential_vault="kms_envelope")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Stage `dev` as the local platform deploys it."""
    return _synthesised("dev", _shared(tmp_path_factory), platform="local")


@pytest.fixture(params=["dev", "prod"])
def either(request: pytest.FixtureRequest) -> Template:
    """Each stage in turn."""
    template: Template = request.getfixturevalue(request.param)
    return template


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of this run have in common."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def _synthesised(stage: str, shared: Path, **options: str) -> Template:
    name = "-".join([stage, *options.values()])
    out = shared / f"synthesised-{name}"
    with (shared / f"{name}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not out.exists():
            _run_app({"stage": stage, **options}, out)
    return Template(out / f"quantleap-{stage}.template.json")


def _run_app(options: dict[str, str], out: Path) -> None:
    """Start the app as the CDK command line does: context and folder come in the environment."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | options
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**os.environ, "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
