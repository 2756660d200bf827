import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each stands in for a tool and writes down how it was called: one administrator, no bootstrap yet.
FAKES = {
    "make": 'echo "make $*" >> calls',
    "npx": """echo "npx $*" >> calls
if [[ $3 == deploy ]]; then echo '{"stack": {"UserPoolId": "pool-1"}}' > outputs.json; fi""",
    "aws": """echo "aws $* [$AWS_PROFILE]" >> calls
case "$*" in
  *get-caller-identity*) echo 123456789012 ;;
  "configure get region") echo ap-south-1 ;;
  *admin-get-user*known@example.com*) ;;
  *admin-get-user* | *describe-stacks*) exit 255 ;;
esac""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the script reads, with a fake of everything it calls."""
    for name in ("deploy.sh", "cdk.json"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name, body in FAKES.items():
        fake = tmp_path / "bin" / name
        fake.write_text(f"#!/usr/bin/env bash\n{body}\n")
        fake.chmod(0o755)
    return tmp_path


def _deploy(project: Path, *options: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [project / "deploy.sh", *options],
        cwd=project,
        env={**os.environ, "PATH": path},
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )


def _calls(project: Path) -> list[str]:
    calls = project / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


DEV = ("-p", "quantleap", "-e", "dev", "-a", "account2")


@pytest.mark.parametrize("options", [(), DEV[:4], ("-x",)])
def test_without_project_stage_and_profile_it_only_says_how_to_call_it(project: Path, options: tuple[str, ...]) -> None:
    done = _deploy(project, *options)

    assert done.returncode == 2
    assert "usage: ./deploy.sh -p PROJECT -e ENV -a PROFILE" in done.stderr
    assert _calls(project) == []


def test_an_unknown_stage_is_refused_before_anything_happens(project: Path) -> None:
    done = _deploy(project, "-p", "quantleap", "-e", "live", "-a", "account2")

    assert done.returncode == 1
    assert done.stderr == "deploy.sh: no stage 'live' in cdk.json; known: dev prod\n"
    assert _calls(project) == []


def test_it_synthesises_prepares_the_account_and_deploys_what_it_synthesised(project: Path) -> None:
    done = _deploy(project, *DEV)

    assert done.returncode == 0
    assert [call for call in _calls(project) if not call.startswith("aws")] == [
        "make --silent setup",
        "npx --no-install cdk synth --quiet -c project=quantleap -c stage=dev --no-notices",
        "npx --no-install cdk bootstrap aws://123456789012/ap-south-1 --app cdk.out --no-notices",
        "npx --no-install cdk deploy --app cdk.out --outputs-file outputs.json --no-notices",
    ]
    assert all(call.endswith("[account2]") for call in _calls(project) if call.startswith("aws"))


def test_no_administrator_is_added_unless_asked_for(project: Path) -> None:
    _deploy(project, *DEV, answers="n\n")

    assert not [call for call in _calls(project) if "cognito-idp" in call]


def test_a_new_administrator_is_created_and_put_into_the_group(project: Path) -> None:
    done = _deploy(project, *DEV, answers="y\nasha@example.com\n")

    added = [call.split()[2] for call in _calls(project) if "cognito-idp" in call]
    assert all("--user-pool-id pool-1" in call for call in _calls(project) if "cognito-idp" in call)
    assert added == ["admin-get-user", "admin-create-user", "admin-add-user-to-group"]
    assert "asha@example.com is in group Admins" in done.stdout


def test_an_administrator_who_exists_is_only_put_into_the_group(project: Path) -> None:
    _deploy(project, *DEV, answers="y\nknown@example.com\n")

    added = [call.split()[2] for call in _calls(project) if "cognito-idp" in call]
    assert added == ["admin-get-user", "admin-add-user-to-group"]


def test_what_is_no_address_is_refused(project: Path) -> None:
    done = _deploy(project, *DEV, answers="y\nasha\n")

    assert done.returncode == 1
    assert done.stderr.endswith("deploy.sh: 'asha' is no e-mail address\n")
