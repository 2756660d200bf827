"""Forms as every broker with forms wants them: said to be one, each field once, nothing missing, nothing unknown."""

from collections.abc import Sequence
from urllib.parse import parse_qsl

from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked

FORM = "application/x-www-form-urlencoded"


def form(asked: Asked) -> Fields:
    """The fields of a form, none without a body; raises `Wrong`."""
    if not asked.body:
        return {}
    if asked.header(b"content-type").partition(";")[0] != FORM:
        raise Wrong("content-type", "has to be that of a form")
    try:
        pairs = parse_qsl(asked.body.decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise Wrong("body", "is no form") from None
    if len(dict(pairs)) != len(pairs):
        raise Wrong("body", "has a field twice")
    return dict(pairs)


def need(fields: Fields, names: Sequence[str]) -> None:
    """Refuse a form without one of the fields."""
    for name in names:
        if not fields.get(name):
            raise Wrong(name, "is missing")


def only(fields: Fields, names: Sequence[str]) -> None:
    """Refuse a form with a field that means nothing."""
    for name in fields:
        if name not in names:
            raise Wrong(name, "is not a field of this call")
