"""The base of everything that is stored or exchanged: immutable, strict about unknown fields."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from quantleap.domain.errors import InvalidRequest

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{2,128}$")]
"""Any id of ours, as somebody else may write it."""

OUTSIDE = "outside"
"""Where a value comes from that somebody sent; what stands in the table was let in by the rules of its time."""

JOINERS = str.maketrans("", "", "\u200c\u200d")
"""What joins letters, or keeps them apart: written in many an Indian name, and not to be seen itself."""


def readable(value: str, info: ValidationInfo) -> str:
    """A text in which nothing stands that cannot be seen; raises `ValueError`."""
    if info.context == OUTSIDE and not value.translate(JOINERS).isprintable():
        raise ValueError("Write letters, digits and signs on one line")
    return value


READABLE = AfterValidator(readable)
"""Of a text on one line."""


def _plain_number(value: object, info: ValidationInfo) -> object:
    """Neither `true` nor `"2"` is a number, though pydantic reads one out of either; in the table amounts are texts."""
    if info.context == OUTSIDE and isinstance(value, bool | str):
        raise ValueError("Write a number")
    return value


NUMBER = BeforeValidator(_plain_number)
"""Of a number in a body: written as one."""


def _digits(value: object) -> object:
    """Python reads `1_0`, `+10` and ` 10 ` as ten, too."""
    if isinstance(value, str) and not (value.isascii() and value.removeprefix("-").isdigit()):
        raise ValueError("Write a whole number in digits")
    return value


Digits = Annotated[int, BeforeValidator(_digits)]
"""Of a number in an address, where everything is text."""

Whole = Annotated[int, NUMBER]
Exact = Annotated[Decimal, NUMBER]


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


class NamesTemplate(Sent):
    """What has a `template_id`; `template_basket_id` is another name of it."""

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, value: Any) -> Any:  # noqa: ANN401 - whatever was sent
        if not isinstance(value, Mapping) or "template_basket_id" not in value:
            return value
        fields = dict(value)
        other = fields.pop("template_basket_id")
        if fields.setdefault("template_id", other) != other:
            raise ValueError("template_id and template_basket_id name different templates; send one of them")
        return fields


UNKNOWN_FIELD = "Unknown field; remove it"

MOST_COMPLAINTS = 100
"""Nobody reads more, and a body made to be complained of must not make an answer too large to be sent."""

WORDS = {
    "extra_forbidden": UNKNOWN_FIELD,
    "model_type": "Write a JSON object",
    "model_attributes_type": "Write a JSON object",
    "dict_type": "Write a JSON object",
    "tuple_type": "Write a list",
    "frozen_set_type": "Write a list",
    "decimal_type": "Write a number",
    "decimal_parsing": "Write a number",
    "timezone_aware": "Write it with its offset, such as 2026-11-24T09:20:00+05:30",
    "too_short": "Give at least {min_length}",
    "too_long": "Give at most {max_length}",
}
"""Our words where pydantic's would puzzle somebody outside, with what it says of its limits."""


def complaints(errors: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Turn pydantic's error list into `{"legs[2].strike.offset": "what is wrong"}`."""
    found = list(errors)[:MOST_COMPLAINTS]
    return {_path(error["loc"]): _words(error) for error in found if not _is_echo(error, found)}


def _is_echo(error: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a list is only called too short because its items were wrong, which is said already."""
    depth = len(error["loc"])
    inside = (other["loc"] for other in errors if len(other["loc"]) > depth)
    return error["type"] == "too_short" and any(place[:depth] == error["loc"] for place in inside)


def parse[M: BaseModel](model: type[M], value: object) -> M:
    """Read an outsider's value as `model`, or raise `InvalidRequest` naming every field at once."""
    try:
        return model.model_validate(value, context=OUTSIDE)
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


KEY_ITSELF = "[key]"
"""Where pydantic complains of a name in a map, which stands in the path already."""


def _path(location: tuple[str | int, ...]) -> str:
    text = ""
    for part in location:
        if part != KEY_ITSELF:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "body"


WANTED = {
    r"^[A-Za-z0-9_-]{2,128}$": "Write an id of ours: 2 to 128 letters, digits, - and _",
    r"^[A-Za-z0-9_-]{2,40}$": "Write 2 to 40 letters, digits, - and _",
    r"^[A-Za-z0-9_-]{1,40}$": "Write 1 to 40 letters, digits, - and _",
    r"^https?://[A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+$": "Write a web address, such as https://portal.example/back",
    r"^[ -~]*$": "Write printable ASCII characters only",
    r"^run_[A-Za-z0-9_-]{1,200}$": "Write the next_token of the page before",
    r"^[A-Z_]{2,24}$": "Write 2 to 24 capital letters and _",
    r"^(/[A-Za-z0-9_-]+)+$": "Write the path of a page of ours, such as /marketplace",
}
"""What is wanted where a text does not fit a pattern, which nobody should have to read."""


def _words(error: Mapping[str, Any]) -> str:
    wanted = WANTED.get(error.get("ctx", {}).get("pattern", ""))
    if wanted is not None:
        return wanted
    known = WORDS.get(error["type"])
    return known.format(**error.get("ctx", {})) if known else str(error["msg"]).removeprefix("Value error, ")
