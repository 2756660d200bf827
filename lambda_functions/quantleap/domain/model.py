"""The base of everything that is stored or exchanged: immutable, strict about unknown fields."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from quantleap.domain.errors import InvalidRequest

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{2,128}$")]
"""Any id of ours, as somebody else may write it."""


class Model(BaseModel):
    """Frozen; an unknown field is refused by name, and an error never repeats the value it complains of."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Sent(Model):
    """What somebody outside sends; built when the first of its kind is read, which takes under a millisecond.

    A function knows some twenty of these, many of them sent to other functions only, and a request brings one at most:
    to build them all took 6 ms of every start. Those that a function is sent most are built as it starts, by its
    handler's last line; what is stored, and so read by nearly every request, is built where it is written down.
    Threads may read these too: pydantic builds under a lock.
    """

    model_config = ConfigDict(defer_build=True)


UNKNOWN_FIELD = "Unknown field; remove it"

WORDS = {
    "extra_forbidden": UNKNOWN_FIELD,
    "model_type": "Write a JSON object",
    "model_attributes_type": "Write a JSON object",
}
"""Our words where pydantic's would puzzle somebody outside."""


def complaints(errors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Turn pydantic's error list into `{"legs[2].strike.offset": "what is wrong"}`."""
    found = list(errors)
    return {_path(error["loc"]): _words(error) for error in found if not _is_echo(error, found)}


def _is_echo(error: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a list is only called too short because its items were wrong, which is said already."""
    depth = len(error["loc"])
    inside = (other["loc"] for other in errors if len(other["loc"]) > depth)
    return error["type"] == "too_short" and any(place[:depth] == error["loc"] for place in inside)


def parse[M: BaseModel](model: type[M], value: object) -> M:
    """Read an outsider's value as `model`, or raise `InvalidRequest` naming every field at once."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(complaints(error.errors(include_url=False))) from None


def merged[M: Model](model: type[M], was: Mapping[str, Any], change: Model) -> M:
    """What was, with every field that `change` names put in its place; objects are merged field by field.

    Raises `InvalidRequest` where the whole does not fit, though each part may.
    """
    return parse(model, _overlay(was, change.model_dump(exclude_unset=True)))


def _overlay(was: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    both = {name: value for name, value in change.items() if isinstance(value, Mapping) and was.get(name) is not None}
    return {**was, **change, **{name: _overlay(was[name], value) for name, value in both.items()}}


def _path(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "body"


def _words(error: Mapping[str, Any]) -> str:
    known = WORDS.get(error["type"])
    return known or str(error["msg"]).removeprefix("Value error, ")
