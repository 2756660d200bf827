"""The table of codes lists what the code can say, no more and no less."""

import ast
from collections.abc import Iterator
from pathlib import Path

from cdk_stack.constructs.gateway_responses import ANSWERS
from quantleap.domain import errors
from quantleap.domain.codes import CODES, OF_RUNS
from quantleap.runtime.api import REFUSALS

PACKAGE = Path(__file__).parents[2] / "lambda_functions" / "quantleap"


def written_in(source: str) -> Iterator[str]:
    """Every `code="..."` of a call and every class's own `code`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "code":
            value: ast.expr | None = node.value
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            value = node.value if isinstance(target, ast.Name) and target.id == "code" else None
        else:
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def test_every_code_is_in_the_table_and_every_entry_is_said_somewhere() -> None:
    said = {code for file in PACKAGE.rglob("*.py") for code in written_in(file.read_text())}
    by_gateway = {answer.code for answer in ANSWERS}

    assert (said | by_gateway) - OF_RUNS == set(CODES)
    assert not OF_RUNS & set(CODES)


def test_a_kinds_own_code_comes_with_the_kinds_status() -> None:
    wrong = {kind: kind.code for kind, refusal in REFUSALS.items() if CODES[kind.code].status != refusal.status}

    assert wrong == {}
    assert {kind for kind in vars(errors).values() if isinstance(kind, type)} >= set(REFUSALS)


def test_the_gateways_own_answers_have_the_tables_status() -> None:
    assert [answer.code for answer in ANSWERS if CODES[answer.code].status != answer.status] == []
