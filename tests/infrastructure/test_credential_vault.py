"""The stage's choice between Secrets Manager and sealed items of the table."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infrastructure.template import Statement, Template, text

CONTEXT = "kms:EncryptionContext:"


def test_a_stage_that_seals_has_one_key_which_rotates_and_outlives_the_stack(sealed: Template) -> None:
    (key,) = sealed.all("AWS::KMS::Key")

    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Retain"
    assert sealed.only("AWS::KMS::Alias")["AliasName"] == "alias/quantleap-prod-credential-vault"


def test_a_stage_that_does_not_has_no_key_and_no_right_to_one(either: Template) -> None:
    assert either.all("AWS::KMS::Key") == []
    assert not [each for each in either.statements() if any(action.startswith("kms:") for action in each.actions)]


def test_functions_are_told_where_secrets_lie_and_under_which_key(sealed: Template, prod: Template) -> None:
    (key,) = (name for name, each in sealed.resources.items() if each["Type"] == "AWS::KMS::Key")

    assert _told(sealed) == {("kms_envelope", f"${{{key}.Arn}}")}
    assert _told(prod) == {("secrets_manager", "")}


def test_a_stage_that_seals_has_no_right_to_secrets_manager(sealed: Template) -> None:
    actions = {action for each in sealed.statements() for action in each.actions}

    assert not [action for action in actions if action.startswith("secretsmanager:")]


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        (
            "broker-account-manager",
            {"kms:GenerateDataKey": ["credentials", "session"], "kms:Decrypt": ["credentials"]},
        ),
        ("strategy-executor", {"kms:Decrypt": ["session"]}),
        ("instrument-masters", {"kms:Decrypt": ["session"]}),
        ("rehearsal", {"kms:Decrypt": ["session"]}),
    ],
)
def test_the_key_serves_each_function_for_its_kinds_of_secret_only(
    sealed: Template, function: str, allowed: dict[str, list[str]]
) -> None:
    found = _of_the_key(sealed, function)

    assert {each.actions[0]: each.conditions["StringEquals"][f"{CONTEXT}kind"] for each in found} == allowed


def test_the_key_serves_nobody_else(sealed: Template) -> None:
    roles = {each.role for each in _of_the_key(sealed)}

    assert len(roles) == 4


def test_every_use_of_the_key_names_an_owner_and_nothing_beside(sealed: Template) -> None:
    for each in _of_the_key(sealed):
        assert each.conditions["Null"] == {f"{CONTEXT}user_id": "false", f"{CONTEXT}client_id": "false"}
        named = each.conditions["ForAllValues:StringEquals"]["kms:EncryptionContextKeys"]
        assert named == ["user_id", "client_id", "kind"]
        assert "*" not in each.resources


def test_cfn_lint_finds_nothing(sealed: Template) -> None:
    options = ("--ignore-checks", "W3005", "--regions", "ap-south-1", "--template")

    done = subprocess.run(
        (Path(sys.executable).with_name("cfn-lint"), *options, sealed.path), capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def _told(template: Template) -> set[tuple[str, str]]:
    variables = [f["Environment"]["Variables"] for f in template.properties("AWS::Lambda::Function")]
    return {(each["CREDENTIAL_VAULT"], text(each.get("VAULT_KEY_ID", ""))) for each in variables}


def _of_the_key(template: Template, function: str | None = None) -> list[Statement]:
    return [each for each in template.statements(function) if any(a.startswith("kms:") for a in each.actions)]
