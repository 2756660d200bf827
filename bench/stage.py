"""Stage `dev` of `cdk.json` on this machine: what its functions are told, and the folders they run from."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.processes import ROOT
from cdk_stack.bundling import function_code
from cdk_stack.environment import environment
from cdk_stack.stage import Stage, read_stage

TABLE = "bench"

IDENTITY = {
    "AWS_DEFAULT_REGION": "ap-south-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "bench",
}
"""Nobody's: with these no call reaches anybody's account."""


def local() -> Stage:
    """The stage, for this machine's processor."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    return read_stage({**context, "stage": "dev", "platform": "local"})


def told() -> Mapping[str, str]:
    """The variables of the functions."""
    return {**environment(local(), table=TABLE, plans="plans", client="client"), **IDENTITY}


@contextmanager
def packaged() -> Iterator[list[Path]]:
    """Where the functions import from, as deployed: their own code without what is left out of it, and the layer."""
    code = function_code(local())
    yield [code.source, code.layer / "python"]
