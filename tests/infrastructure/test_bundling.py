import io
import zipfile
from pathlib import Path

import pytest

from bench import stage
from cdk_stack.bundling import (
    AWS_PLATFORM,
    BundlingFailed,
    build_layer,
    build_own,
    fingerprint,
    own_code,
    own_fingerprint,
    uv_install,
)
from sandbox.platform import fingerprints
from sandbox.platform.places import Ports
from sandbox.platform.stack import packed


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("tenacity==9.2.1\n")
    return path


class Installer:
    """Writes one module in place of installing, and remembers for which platforms."""

    def __init__(self) -> None:
        self.platforms: list[str] = []

    def __call__(self, requirements: Path, platform: str, into: Path) -> None:
        self.platforms.append(platform)
        into.mkdir(parents=True)
        (into / "module.py").write_text("")


def test_a_layer_holds_its_modules_where_lambda_looks_for_them(requirements: Path, tmp_path: Path) -> None:
    layer = build_layer(requirements, AWS_PLATFORM, tmp_path / "layers" / "key", Installer())

    assert [path.relative_to(layer).as_posix() for path in layer.rglob("*.py")] == ["python/module.py"]


def test_bytecode_lies_beside_what_is_deployed(requirements: Path, tmp_path: Path) -> None:
    layer = build_layer(requirements, AWS_PLATFORM, tmp_path / "layers" / "key", Installer())
    source = tmp_path / "source"
    source.mkdir()
    (source / "module.py").write_text("ONE = 1\n")
    (source / "requirements.txt").write_text("")
    own = build_own(source, tmp_path / "functions" / "key")

    assert [path.name for path in layer.rglob("*.pyc")] == ["module.cpython-313.pyc"]
    assert sorted(path.name for path in own.rglob("*") if path.is_file()) == ["module.cpython-313.pyc", "module.py"]


def test_cold_starts_are_measured_with_the_bytecode_that_is_deployed() -> None:
    with stage.packaged() as folders:
        for folder, package in zip(folders, ("quantleap", "pydantic"), strict=True):
            sources = {path.stem for path in (folder / package).glob("*.py")}
            compiled = {path.name.partition(".")[0] for path in (folder / package / "__pycache__").glob("*.pyc")}
            assert sources
            assert compiled == sources


def test_any_change_of_our_own_files_is_another_deployment(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("ONE = 1\n")
    (tmp_path / "openapi.json").write_text("{}")
    first = own_fingerprint(tmp_path)

    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.1"}')

    assert own_fingerprint(tmp_path) != first


def test_an_update_of_the_functions_carries_the_bytes_of_their_first_deployment() -> None:
    first = {path.relative_to(own_code()).as_posix(): path for path in own_code().rglob("*") if path.is_file()}

    with zipfile.ZipFile(io.BytesIO(packed(own_code()))) as update:
        names = {name for name in update.namelist() if not name.endswith("/")}
        differing = [name for name in names & first.keys() if update.read(name) != first[name].read_bytes()]

    assert "quantleap/openapi.json" in names
    assert names == first.keys()
    assert differing == []


def test_what_the_functions_carry_beside_their_code_counts_as_a_change_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "openapi.json").write_text("{}")
    monkeypatch.setattr(fingerprints, "SOURCE", tmp_path)
    before = fingerprints.fingerprint(Ports(4566, 4567))

    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.1"}')

    assert fingerprints.fingerprint(Ports(4566, 4567)).code != before.code


def test_a_layer_is_built_once(requirements: Path, tmp_path: Path) -> None:
    installer = Installer()

    for _ in range(2):
        build_layer(requirements, AWS_PLATFORM, tmp_path / "layers" / "key", installer)

    assert installer.platforms == [AWS_PLATFORM]


def test_an_interrupted_build_leaves_nothing_and_the_next_one_is_whole(requirements: Path, tmp_path: Path) -> None:
    def interrupted(requirements: Path, platform: str, into: Path) -> None:
        Installer()(requirements, platform, into)
        raise KeyboardInterrupt

    target = tmp_path / "layers" / "key"
    with pytest.raises(KeyboardInterrupt):
        build_layer(requirements, "local", target, interrupted)

    assert list(target.parent.iterdir()) == []
    assert build_layer(requirements, "local", target, Installer()).is_dir()


def test_a_builder_overtaken_by_another_takes_the_others_layer(requirements: Path, tmp_path: Path) -> None:
    target = tmp_path / "layers" / "key"

    def overtaken(requirements: Path, platform: str, into: Path) -> None:
        build_layer(requirements, platform, target, Installer())
        Installer()(requirements, platform, into)

    assert build_layer(requirements, "local", target, overtaken) == target
    assert [path.name for path in target.parent.iterdir()] == ["key"]


def test_other_requirements_or_another_platform_make_another_layer(requirements: Path) -> None:
    first = fingerprint(requirements, AWS_PLATFORM)
    assert first == fingerprint(requirements, AWS_PLATFORM)
    assert first != fingerprint(requirements, "local")

    requirements.write_text("tenacity==9.2.0\n")
    assert first != fingerprint(requirements, AWS_PLATFORM)


def test_what_has_no_wheel_for_lambda_is_refused_with_the_installers_words(tmp_path: Path) -> None:
    unreadable = tmp_path / "requirements.txt"
    unreadable.write_text("not a requirement\n")

    with pytest.raises(BundlingFailed, match=r"requirements\.txt"):
        uv_install(unreadable, AWS_PLATFORM, tmp_path / "python")
