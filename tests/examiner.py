"""schemathesis over an API that is up: whatever the document allows is asked, and what it does not allow too."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

SEED = 20261123

NOT_OURS = {
    "positive_data_acceptance": "rules between fields (entry before exit, a fee for what is paid) have no schema",
}
"""Checks left out, and why."""

CONFIG = """
[auth.openapi.PartnerKey]
bearer = "{key}"

[auth.openapi.PartnerSecret]
api_key = "{secret}"

[auth.openapi.SignIn]
bearer = "{token}"
"""


KNOWN = """
[dictionaries.{name}]
values = {values}

[parameters.{name}]
dictionary = "{name}"
probability = 0.5
"""


class Identity(NamedTuple):
    """Who asks: a partner by its key, and an administrator, who is a user too, by the token of a sign-in.

    `known` are names of what is there, by the parameter that takes them: half of the questions are about these.
    """

    key: str
    secret: str
    token: str
    known: Mapping[str, Sequence[str]] = {}

    @property
    def config(self) -> str:
        """The same, as schemathesis wants to be told."""
        known = (KNOWN.format(name=name, values=json.dumps(values)) for name, values in self.known.items())
        return CONFIG.format(key=self.key, secret=self.secret, token=self.token) + "".join(known)


class Verdict(NamedTuple):
    """Whether nothing was found, and what schemathesis says."""

    passed: bool
    report: str


PHASES = ("examples", "coverage", "fuzzing", "stateful")
"""The document's own examples; each bound and each breach of it; at random; and in sequences, by what answers name."""


def examine(
    base_url: str,
    who: Identity,
    folder: Path,
    *,
    examples: int,
    seed: int = SEED,
    phases: Sequence[str] = PHASES,
    spared: str | None = None,
) -> Verdict:
    """Ask every operation whose path is not `spared`; the same seed asks the same."""
    config = folder / "schemathesis.toml"
    config.write_text(who.config)
    options: Mapping[str, object] = {
        "--url": base_url,
        "--max-examples": examples,
        "--seed": seed,
        "--phases": ",".join(phases),
        "--exclude-checks": ",".join(NOT_OURS),
        "--suppress-health-check": "all",
        "--generation-database": "none",
        "--warnings": "off",
        "--request-retries": 0,
        "--request-timeout": 60,  # a function's first answer on a busy machine
    }
    asked = [f"{name}={value}" for name, value in options.items()]
    asked += [f"--exclude-path-regex={spared}"] if spared else []
    done = subprocess.run(
        [_program(), "--config-file", str(config), "run", f"{base_url}/openapi.json", *asked, "--no-color"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    return Verdict(done.returncode == 0, done.stdout + done.stderr)


def _program() -> str:
    return str(Path(sys.executable).with_name("schemathesis"))
