"""Where the local platform listens and keeps its state."""

import stat
from pathlib import Path

import pytest

from sandbox.platform import lock
from sandbox.platform.places import Places, Ports
from sandbox.problem import Problem


@pytest.mark.parametrize("port", [6566, 6565, 6000, 5060, 10080, 2049, 4190])
def test_a_port_that_browsers_refuse_is_refused_with_the_reason(port: int) -> None:
    with pytest.raises(Problem, match=r"browsers and Node\.js refuse"):
        Ports.following(port)


def test_any_other_port_does() -> None:
    assert Ports.following(4566) == (4566, 4567)


def test_the_state_is_its_owners_alone(tmp_path: Path) -> None:
    places = Places(tmp_path / "state")

    with lock.held(places):
        (places.state / "broker.json").write_text("{}")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (places.state, *places.state.iterdir())}
    assert modes == {"state": 0o700, "run.lock": 0o600, "broker.json": 0o600}


def test_a_folder_of_an_earlier_version_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text("")
    tmp_path.chmod(0o755)

    with lock.held(Places(tmp_path)):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_of_somebody_elses_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with lock.held(Places(tmp_path)):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
