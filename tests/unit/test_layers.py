"""Imports point inwards: each layer of the functions uses only what its row allows."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "lambda_functions" / "quantleap"


class Row(NamedTuple):
    layers: set[str]
    outside: set[str]


CLIENTS = {"bcrypt", "botocore", "cryptography", "httptools", "tenacity", "urllib3", "uvloop"}
POWERTOOLS = {"aws_lambda_powertools"}
# Types of botocore's clients: installed for development only, so imported under TYPE_CHECKING only.
STUBS = ("mypy_boto3_", "types_boto3")

TABLE = {
    "domain": Row({"domain"}, {"pydantic"}),
    "services": Row({"domain", "services"}, set()),
    "adapters": Row({"domain", "adapters"}, CLIENTS | {"pydantic"}),
    "runtime": Row({"domain", "services", "adapters", "runtime"}, CLIENTS | POWERTOOLS | {"pydantic"}),
    "handlers": Row({"domain", "services", "runtime", "handlers"}, POWERTOOLS),
}


class Import(NamedTuple):
    line: int
    module: str
    typing_only: bool


def layer_of(module: str) -> str:
    """Return the layer of `quantleap.<layer>...`, nothing for the package itself."""
    return (*module.split("."), "")[1]


def names_in(node: ast.AST, package: str) -> Iterator[str]:
    """Modules an import statement of a file in `package` asks for."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: -(node.level - 1) or None] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names) if base == "quantleap" else (base,)


def imports_in(source: str, package: str) -> Iterator[Import]:
    """Every import, also those inside functions, in the order of the file."""
    tree = ast.parse(source)
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for name in names_in(node, package):
            yield Import(getattr(node, "lineno", 0), name, id(node) in typing_only)


def is_allowed(row: Row, found: Import) -> bool:
    root = found.module.split(".")[0]
    if root == "quantleap":
        return layer_of(found.module) in row.layers
    if root.startswith(STUBS):
        return found.typing_only and "botocore" in row.outside
    return root in sys.stdlib_module_names or root in row.outside


def breaches(source: str, package: str) -> list[str]:
    """Return the imports of one file that its layer's row does not allow."""
    row = TABLE.get(layer_of(package), Row(set(), set()))
    found = sorted(imports_in(source, package))
    return [f"line {each.line}: {each.module}" for each in found if not is_allowed(row, each)]


def package_of(file: Path) -> str:
    return ".".join(file.parent.relative_to(PACKAGE.parent).parts)


@pytest.mark.parametrize("layer", TABLE)
def test_every_file_of_a_layer_keeps_the_import_rule(layer: str) -> None:
    files = sorted((PACKAGE / layer).rglob("*.py"))

    found = {str(file.relative_to(PACKAGE)): breaches(file.read_text(), package_of(file)) for file in files}

    assert {file: lines for file, lines in found.items() if lines} == {}


def test_nothing_lives_outside_the_layers() -> None:
    inside = {file for layer in TABLE for file in (PACKAGE / layer).rglob("*.py")}

    assert set(PACKAGE.rglob("*.py")) - inside <= {PACKAGE / "__init__.py"}


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("quantleap.domain", "import botocore"),
        ("quantleap.adapters", "import boto3"),
        ("quantleap.runtime", "from boto3 import client"),
        ("quantleap.domain", "from quantleap.adapters import keys"),
        ("quantleap.domain", "from quantleap import adapters"),
        ("quantleap.domain", "from ..adapters import keys"),
        ("quantleap.services", "def f() -> None:\n    import pydantic"),
        ("quantleap.services", "from quantleap.runtime.settings import Settings"),
        ("quantleap.adapters.brokers", "from ...services import subscribe"),
        ("quantleap.adapters", "import requests.adapters"),
        ("quantleap.adapters", "from mypy_boto3_dynamodb import DynamoDBClient"),
        ("quantleap.handlers", "from quantleap.adapters.keys import user"),
        ("quantleap.runtime", "import quantleap.handlers.partner_auth"),
        ("quantleap.unknown", "from quantleap.domain import errors"),
    ],
)
def test_a_planted_breach_is_found(package: str, source: str) -> None:
    assert len(breaches(source, package)) == 1


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("quantleap.domain", "from datetime import datetime\nfrom pydantic import BaseModel"),
        ("quantleap.domain", "from .errors import Conflict\nfrom . import money"),
        ("quantleap.services", "import asyncio\nfrom quantleap.domain.errors import Conflict"),
        ("quantleap.adapters.brokers", "from .. import keys\nfrom ...domain import errors"),
        ("quantleap.adapters", "if TYPE_CHECKING:\n    from mypy_boto3_dynamodb import DynamoDBClient"),
        (
            "quantleap.handlers",
            "from aws_lambda_powertools import Logger\nfrom quantleap.services import browse",
        ),
        ("quantleap.runtime", "from quantleap.adapters import keys\nimport botocore.session"),
    ],
)
def test_what_the_rule_allows_passes(package: str, source: str) -> None:
    assert breaches(source, package) == []
