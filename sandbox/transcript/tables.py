"""Tables of partners' pages that are made from the code: `<!-- made: NAME -->` up to `<!-- /made -->`."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel

from cdk_stack.routes import Auth
from quantleap.domain.broker import BrokerFailure
from quantleap.domain.codes import CODES
from quantleap.domain.partner import Permission
from sandbox.openapi.contract import PROMISES
from sandbox.openapi.reading import Reading, readings
from sandbox.reference import reasons

MADE = re.compile(r"<!-- made: (?P<name>[a-z-]+) -->\n(?P<text>.*?)<!-- /made -->", re.DOTALL)

type Cells = Sequence[str]


def renewed(text: str) -> str:
    """A page with its made tables as the code has them now."""
    return MADE.sub(lambda match: f"<!-- made: {match['name']} -->\n{TABLES[match['name']]()}\n<!-- /made -->", text)


def _codes() -> Iterator[Cells]:
    yield ("status", "`code`", "means", "do")
    for code, entry in sorted(CODES.items(), key=lambda item: item[1].status):
        yield (str(entry.status), f"`{code}`", entry.meaning, entry.advice)


def _refusals() -> Iterator[Cells]:
    yield ("`reason`", "means", "tell the user")
    for kind in sorted(reasons(BrokerFailure), key=lambda kind: kind.reason):
        yield (f"`{kind.reason}`", (kind.__doc__ or "").partition("\n")[0], kind.user_message)


def _permissions() -> Iterator[Cells]:
    yield ("permission", "routes")
    for permission in Permission:
        routes = [f"`{each.line}`" for each in _of(Auth.PARTNER) if permission in each.needed]
        yield (f"`{permission}`", ", ".join(routes) or "none yet")


def _partner_routes() -> Iterator[Cells]:
    yield ("route", "does", "query or body (`?`: may be left out)", "answers")
    for each in _of(Auth.PARTNER):
        answers = ", ".join(str(status) for status in sorted(PROMISES[each.line][1].answers))
        yield (f"`{each.line}`", each.summary, _fields(each.body or each.query), answers)


def _public_routes() -> Iterator[Cells]:
    yield ("route", "does", "query")
    for each in _of(Auth.PUBLIC):
        yield (f"`{each.line}`", each.summary, _fields(each.query))


def _of(auth: Auth) -> Iterable[Reading]:
    return [each for each in readings() if each.route.auth is auth]


def _fields(model: type[BaseModel] | None) -> str:
    if model is None:
        return ""
    return " ".join(f"`{name}{'' if field.is_required() else '?'}`" for name, field in model.model_fields.items())


def _table(rows: Iterable[Cells]) -> str:
    head, *lines = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *lines])


TABLES: Mapping[str, Callable[[], str]] = {
    "codes": lambda: _table(_codes()),
    "partner-routes": lambda: _table(_partner_routes()),
    "permissions": lambda: _table(_permissions()),
    "public-routes": lambda: _table(_public_routes()),
    "refusals": lambda: _table(_refusals()),
}
