"""The description of this API that partners read, made beforehand and only passed on here."""

from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "openapi.json"


@cache
def described() -> str:
    """The OpenAPI document, as text."""
    return FILE.read_text()
