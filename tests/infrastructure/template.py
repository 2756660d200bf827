"""A synthesised template, read by names people know instead of logical ids."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

type Properties = Mapping[str, Any]


class Statement(NamedTuple):
    """One permission of one role."""

    role: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Any]


class Template:
    """One stage's template."""

    def __init__(self, path: Path) -> None:
        self.path = path
        body = json.loads(path.read_text())
        self.resources: Mapping[str, Mapping[str, Any]] = body["Resources"]
        self.outputs: Mapping[str, Mapping[str, Any]] = body["Outputs"]

    def all(self, kind: str) -> list[Mapping[str, Any]]:
        """Whole resources of a kind."""
        return [each for each in self.resources.values() if each["Type"] == kind]

    def properties(self, kind: str) -> list[Properties]:
        """Properties of every resource of a kind."""
        return [each["Properties"] for each in self.all(kind)]

    def only(self, kind: str) -> Properties:
        """Properties of the one resource of a kind."""
        (found,) = self.properties(kind)
        return found

    def function(self, name: str) -> Properties:
        """Properties of the function whose name ends so."""
        (found,) = (f for f in self.properties("AWS::Lambda::Function") if _short(f) == name)
        return found

    def schedule(self, name: str) -> Properties:
        """Properties of the schedule whose name ends so."""
        (found,) = (s for s in self.properties("AWS::Scheduler::Schedule") if str(s["Name"]).endswith(f"-{name}"))
        return found

    def name_of(self, reference: object) -> str:
        """The short name of the function an intrinsic points to."""
        return _short(self.resources[_target(reference)]["Properties"])

    def statements(self, function: str | None = None) -> list[Statement]:
        """Permissions in every role, or of one function."""
        role = None if function is None else _target(self.function(function)["Role"])
        return [each for each in self._statements() if role in {None, each.role}]

    def _statements(self) -> Iterator[Statement]:
        for policy in self.properties("AWS::IAM::Policy"):
            for statement in policy["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                yield Statement(
                    role=policy["Roles"][0]["Ref"],
                    actions=tuple(_listed(statement["Action"])),
                    resources=tuple(text(each) for each in _listed(statement["Resource"])),
                    conditions=statement.get("Condition", {}),
                )

    def definition(self) -> dict[str, Any]:
        """The state machine, with `${LogicalId.Arn}` where the account fills in."""
        parsed: dict[str, Any] = json.loads(text(self.only("AWS::StepFunctions::StateMachine")["DefinitionString"]))
        return parsed

    def paths(self) -> dict[str, str]:
        """Path of each API resource by its logical id."""
        (root,) = (text({"Fn::GetAtt": [key, "RootResourceId"]}) for key in self._ids("AWS::ApiGateway::RestApi"))
        known = {root: ""}
        waiting = {f"${{{key}}}": self.resources[key]["Properties"] for key in self._ids("AWS::ApiGateway::Resource")}
        while waiting:
            ready = [key for key, each in waiting.items() if text(each["ParentId"]) in known]
            for key in ready:
                each = waiting.pop(key)
                known[key] = f"{known[text(each['ParentId'])]}/{each['PathPart']}"
        return known

    def _ids(self, kind: str) -> list[str]:
        return [key for key, each in self.resources.items() if each["Type"] == kind]


def text(value: object) -> str:
    """Flatten CloudFormation's joins and references into one text."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(text, parts))
        case {"Fn::Select": [index, parts]}:
            return f"{text(parts)}[{index}]"
        case {"Fn::Split": [separator, whole]}:
            return f"{text(whole)}/{separator}"
        case _:
            raise ValueError(f"not a text: {value}")


def _target(reference: object) -> str:
    return text(reference).removeprefix("${").split(".")[0].removesuffix("}")


def _short(function: Properties) -> str:
    """`partner-auth` of `project-stage-partner-auth`."""
    return str(function["FunctionName"]).split("-", maxsplit=2)[2]


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
