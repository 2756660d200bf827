from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from quantleap.adapters.patience import Patience
from quantleap.adapters.vault import SecretsManagerVault
from quantleap.domain.account import Credentials, Session
from quantleap.domain.errors import NotFound
from tests.builders import ASHA, NINE_TWENTY

APP = Credentials(api_key="app", api_secret="secret")


@pytest.fixture
def client(aws: None) -> Any:
    return boto3.client("secretsmanager")


@pytest.fixture
def vault(client: Any) -> SecretsManagerVault:
    return SecretsManagerVault(client, "quantleap/test")


def session(client_id: str = "ZEBU123", access: str = "token") -> Session:
    return Session(access_token=access, client_id=client_id, expires_at=NINE_TWENTY + timedelta(hours=6))


def test_credentials_come_back_and_can_be_overwritten(vault: SecretsManagerVault) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    vault.put_credentials(ASHA, "ZEBU123", Credentials(api_key="app", api_secret="newer"))

    assert vault.credentials(ASHA, "ZEBU123").api_secret == "newer"


def test_secrets_are_named_after_stage_user_client_and_kind(vault: SecretsManagerVault, client: Any) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    vault.put_session(ASHA, session())

    assert [secret["Name"] for secret in client.list_secrets()["SecretList"]] == [
        f"quantleap/test/{ASHA}/ZEBU123/api-credentials",
        f"quantleap/test/{ASHA}/ZEBU123/oauth-token",
    ]


def test_credentials_nobody_stored_are_not_found(vault: SecretsManagerVault) -> None:
    with pytest.raises(NotFound):
        vault.credentials(ASHA, "NONE")


def test_todays_session_is_stored_over_yesterdays(vault: SecretsManagerVault) -> None:
    vault.put_session(ASHA, session(access="yesterday"))
    vault.put_session(ASHA, session(access="today"))

    assert vault.sessions([(ASHA, "ZEBU123")])[ASHA, "ZEBU123"].access_token == "today"


def test_whoever_loses_the_race_to_create_overwrites(
    vault: SecretsManagerVault, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = client.create_secret

    def somebody_was_first(**secret: str) -> Any:
        create(Name=secret["Name"], SecretString="{}")
        return create(**secret)

    monkeypatch.setattr(client, "create_secret", somebody_was_first)

    vault.put_credentials(ASHA, "ZEBU123", APP)

    assert vault.credentials(ASHA, "ZEBU123") == APP


def test_forgetting_leaves_nothing_and_may_be_done_twice(vault: SecretsManagerVault, client: Any) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    vault.put_session(ASHA, session())

    vault.forget(ASHA, "ZEBU123")
    vault.forget(ASHA, "ZEBU123")

    assert client.list_secrets()["SecretList"] == []


def test_many_sessions_are_read_together_the_missing_left_out(vault: SecretsManagerVault) -> None:
    names = [(ASHA, f"CLIENT{n}") for n in range(45)]
    for _, client_id in names[::2]:
        vault.put_session(ASHA, session(client_id))

    assert set(vault.sessions(names)) == set(names[::2])
    assert vault.sessions([]) == {}


def test_without_the_right_to_read_a_batch_each_is_read_by_itself(
    vault: SecretsManagerVault, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "BatchGetSecretValue")

    vault.put_session(ASHA, session())
    monkeypatch.setattr(client, "batch_get_secret_value", refuse)

    assert set(vault.sessions([(ASHA, "ZEBU123"), (ASHA, "NONE")])) == {(ASHA, "ZEBU123")}


def test_a_secret_that_is_no_text_does_not_stop_the_others(vault: SecretsManagerVault, client: Any) -> None:
    for name in ("GOOD", "BAD"):
        vault.put_session(ASHA, session(name))
    (bad,) = (each["Name"] for each in client.list_secrets()["SecretList"] if "BAD" in each["Name"])
    client.put_secret_value(SecretId=bad, SecretBinary=b"...")

    assert set(vault.sessions([(ASHA, "GOOD"), (ASHA, "BAD")])) == {(ASHA, "GOOD")}


def test_one_that_cannot_be_read_does_not_stop_the_others(
    vault: SecretsManagerVault, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GOOD", "BAD"):
        vault.put_session(ASHA, session(name))
    batch, single = client.batch_get_secret_value, client.get_secret_value

    def partly(**asked: Any) -> Any:
        answer = batch(**asked)
        bad = [secret for secret in answer["SecretValues"] if "BAD" in secret["Name"]]
        answer["SecretValues"] = [secret for secret in answer["SecretValues"] if secret not in bad]
        answer["Errors"] = [{"SecretId": secret["Name"], "ErrorCode": "DecryptionFailure"} for secret in bad]
        return answer

    def fails_for_bad(**asked: str) -> Any:
        if "BAD" in asked["SecretId"]:
            raise ClientError({"Error": {"Code": "DecryptionFailure"}}, "GetSecretValue")
        return single(**asked)

    monkeypatch.setattr(client, "batch_get_secret_value", partly)
    monkeypatch.setattr(client, "get_secret_value", fails_for_bad)

    assert set(vault.sessions([(ASHA, "GOOD"), (ASHA, "BAD")])) == {(ASHA, "GOOD")}


def test_a_secret_that_is_being_deleted_is_as_good_as_gone(vault: SecretsManagerVault, client: Any) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    client.delete_secret(SecretId=f"quantleap/test/{ASHA}/ZEBU123/api-credentials")

    with pytest.raises(NotFound):
        vault.credentials(ASHA, "ZEBU123")
    vault.forget(ASHA, "ZEBU123")


def test_a_name_still_being_deleted_is_asked_for_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create, answers = (
        client.create_secret,
        [ClientError({"Error": {"Code": "InvalidRequestException"}}, "CreateSecret")],
    )
    waited: list[float] = []
    vault = SecretsManagerVault(client, "quantleap/test", Patience(waited.append))

    def still_busy(**secret: str) -> Any:
        if answers:
            raise answers.pop()
        return create(**secret)

    monkeypatch.setattr(client, "create_secret", still_busy)

    vault.put_credentials(ASHA, "ZEBU123", APP)

    assert vault.credentials(ASHA, "ZEBU123") == APP
    assert len(waited) == 1


def test_a_session_of_another_account_under_this_ones_name_is_not_used(
    vault: SecretsManagerVault, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    vault.put_session(ASHA, session("ZEBU123"))
    strange = session("ZEBU999").model_dump_json()
    client.put_secret_value(SecretId=f"quantleap/test/{ASHA}/ZEBU123/oauth-token", SecretString=strange)

    assert vault.sessions([(ASHA, "ZEBU123")]) == {}
    assert "not a session of this account" in caplog.text
