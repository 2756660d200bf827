"""JSON Schema of our models, in the words that the wire uses: decimals are numbers, checks have their patterns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema as cs

from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.deep_links import NewDeepLink
from quantleap.domain.halts import SCOPE
from quantleap.domain.market_data import DataKind
from quantleap.domain.runs import NewRun
from quantleap.domain.subscription import NewSubscription, OwnFilter, ReadinessFilter, SubscriptionFilter
from quantleap.runtime.reply import plain

type Schema = dict[str, Any]
type Mode = Literal["validation", "serialization"]
type Use = tuple[type[BaseModel], Mode]

REF = "#/components/schemas/{model}"

CHECKS: Mapping[str, Schema] = {
    "_email": {"format": "email"},
    "_partner_word": {"pattern": "^[A-Za-z][A-Za-z0-9]{1,23}$"},
    "_not_reserved": {"not": {"const": "quantleap"}},
    "_network": {"description": "An IPv4 or IPv6 address or CIDR."},
    "_known": {"description": f"In any case: {', '.join(BROKER_IDS)}."},
    "_readable": {},
    "_return_address": {"format": "uri"},
    "_upper_word": {"pattern": "^[A-Z][A-Z0-9_]{1,31}$"},
}
"""What our own checks of texts ask for, as far as a schema can say it."""

MINUTE = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}

PARTS: Mapping[str, Schema] = {
    "number": {"type": "integer", "minimum": 1, "maximum": 999_999},
    "kind": {"type": "string", "enum": list(DataKind)},
    "scope": {"type": "string", "pattern": f"^({SCOPE.pattern})$"},
}
ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}


class OnTheWire(GenerateJsonSchema):
    """As `runtime/reply.py` writes values and `runtime/ask.py` reads them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - pydantic's own
        """A field's title would only repeat its name."""
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ANN401, FBT001 - pydantic's own
        """An answer has every field that has a value of its own; what is null may be left out."""
        inner = field["schema"]
        valued = inner.get("default") is not None or "default_factory" in inner
        return super().field_is_required(field, total) or (self.mode == "serialization" and valued)

    def decimal_schema(self, schema: cs.DecimalSchema) -> JsonSchemaValue:
        """An exact number."""
        bounds = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
        found: Schema = {"type": "number"}
        found |= {word: float(schema[name]) for name, word in bounds.items() if name in schema}  # type: ignore[literal-required]
        if "decimal_places" in schema:
            found["description"] = f"At most {schema['decimal_places']} decimals."
        return found

    def encode_default(self, dft: object) -> Any:  # noqa: ANN401 - JSON
        """A default as it would be written."""
        return json.loads(json.dumps(dft.model_dump() if isinstance(dft, BaseModel) else dft, default=plain))

    def dict_schema(self, schema: cs.DictSchema) -> JsonSchemaValue:
        """A map whose names have a pattern has no others."""
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found

    def function_after_schema(self, schema: cs.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """What a check of ours asks for."""
        found = super().function_after_schema(schema)
        name = getattr(schema["function"]["function"], "__name__", "")
        return {**found, **CHECKS.get(name, {})}

    def function_before_schema(self, schema: cs.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A minute of the day is five characters."""
        if schema["function"]["function"].__name__ == "_clock_text":
            return dict(MINUTE)
        return super().function_before_schema(schema)


def components(uses: Sequence[Use]) -> tuple[Mapping[Use, str], dict[str, Schema]]:
    """The name of each model in its use, and every schema by name."""
    refs, whole = models_json_schema(uses, by_alias=True, ref_template=REF, schema_generator=OnTheWire)
    names = {use: _plain_name(refs[use]["$ref"].rpartition("/")[2]) for use in uses}
    found: dict[str, Schema] = _renamed(whole["$defs"])
    for model in (NewSubscription, NewDeepLink, NewRun, OwnFilter, ReadinessFilter, SubscriptionFilter):
        if (model, "validation") in names:
            _name_twice(found[names[model, "validation"]])
    for name, schema in found.items():
        schema["title"] = name
    return names, found


def without_defaults(schema: Schema, *, read: bool) -> Schema:
    """A model's schema with the defaults of what is `read` in words.

    A generator of TypeScript requires of a request whatever has a default, and others trip over null and objects.
    """
    bare: Schema = _without_default(schema)
    for name, field in schema.get("properties", {}).items():
        bare["properties"][name] = _without_default(_in_words(field) if read else field)
    return bare


def _in_words(field: Schema) -> Schema:
    if field.get("default") is None:
        return field
    words = f"Default: {json.dumps(field['default'])}."
    return {**field, "description": f"{field['description']} {words}" if "description" in field else words}


def _without_default(value: Any) -> Any:  # noqa: ANN401 - JSON
    match value:
        case dict():
            return {name: _without_default(part) for name, part in value.items() if name != "default"}
        case list():
            return [_without_default(part) for part in value]
        case _:
            return value


def _plain_name(name: str) -> str:
    """A model that is read and answered in two shapes keeps its name where it is read."""
    return f"Shown{name.removesuffix('-Output')}" if name.endswith("-Output") else name.removesuffix("-Input")


def _renamed(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with every model under its plain name."""
    match value:
        case {"$ref": str(ref), **rest}:
            head, _, name = ref.rpartition("/")
            return {"$ref": f"{head}/{_plain_name(name)}", **_renamed(rest)}
        case dict():
            return {_plain_name(name): _renamed(part) for name, part in value.items()}
        case list():
            return [_renamed(part) for part in value]
        case _:
            return value


def _name_twice(schema: Schema) -> None:
    """`template_basket_id` is another name of `template_id`; where one is required, either will do.

    It is said with `if`, which generators of clients pass over; with an `anyOf` beside `properties` they drop the type.
    """
    fields = schema["properties"]
    fields["template_basket_id"] = {**fields["template_id"], "description": "Another name of template_id."}
    if "template_id" in schema.get("required", ()):
        schema["required"].remove("template_id")
        schema["if"] = {"not": {"required": ["template_basket_id"]}}
        schema["then"] = {"required": ["template_id"]}


def parameters(whole: Schema) -> list[Schema]:
    """The parameters of a query, from its model's schema; one that is left out is its default, never null."""
    return [
        {
            "name": name,
            "in": "query",
            "required": name in whole.get("required", ()),
            "schema": _not_null(schema),
        }
        for name, schema in whole["properties"].items()
    ]


def _not_null(schema: Schema) -> Schema:
    """A field's schema as text in an address has it: without null, and without null as its default."""
    kinds = [kind for kind in schema.get("anyOf", [{}]) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **rest}


def part(name: str) -> Schema:
    """A part of the path; one that does not fit names nothing, so it is answered with 404."""
    return {"name": name, "in": "path", "required": True, "schema": dict(PARTS.get(name, ID))}


def reached(found: Mapping[str, Schema], start: object) -> set[str]:
    """The names of all schemas that something refers to, and those they refer to in turn."""
    names: set[str] = set()
    waiting = [start]
    while waiting:
        match waiting.pop():
            case {"$ref": str(ref), **rest}:
                name = ref.rpartition("/")[2]
                waiting += [rest, *([found[name]] if name in found and name not in names else [])]
                names.add(name)
            case dict() as parts:
                waiting += parts.values()
            case list() as parts:
                waiting += parts
            case _:
                pass
    return names
