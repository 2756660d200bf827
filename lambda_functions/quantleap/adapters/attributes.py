"""Values as DynamoDB writes them.

boto3 has the same for its tables. Importing that brings all of boto3 along, of which no function needs anything, and
it takes several times as long for each item.
"""

from collections.abc import Mapping
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

type Attribute = dict[str, Any]
"""A value beside the name of its kind: `{"S": "text"}`."""

NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Inexact, Overflow, Rounded, Underflow])
"""What DynamoDB keeps of a number; one that it would round or cut is refused."""


def written(value: object) -> Attribute:
    """A value as an attribute, a set as one of texts; raises `TypeError` for what no item has, a float above all."""
    match value:
        case Mapping():
            return {"M": {name: written(part) for name, part in value.items()}}
        case list() | tuple():
            return {"L": [written(part) for part in value]}
        case set() | frozenset():
            return {"SS": [*value]}
        case _:
            return _single(value)


def _single(value: object) -> Attribute:
    match value:
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": _exact(value)}
        case None:
            return {"NULL": True}
        case bytes():
            return {"B": value}
        case _:
            raise TypeError(f"{type(value).__name__} cannot be an attribute")


def read(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any attribute
    """An attribute as Python has it: whole numbers as int, the rest as the Decimal it was stored as."""
    ((kind, inner),) = attribute.items()
    match kind:
        case "S" | "BOOL" | "B":
            return inner
        case "M":
            return {name: read(part) for name, part in inner.items()}
        case "L":
            return [read(part) for part in inner]
        case "N":
            return int(inner) if inner.isdecimal() else _whole(Decimal(inner))
        case "NULL":
            return None
        case "SS":
            return set(inner)
        case _:
            raise TypeError(f"an attribute of kind {kind} is none of ours")


def _exact(number: int | Decimal) -> str:
    exact = NUMBERS.create_decimal(number)
    if not exact.is_finite():
        raise TypeError(f"{exact} cannot be an attribute")
    return str(exact)


def _whole(number: Decimal) -> int | Decimal:
    return int(number) if number == number.to_integral_value() else number
