"""What every credential vault promises, whatever keeps the secrets."""

import logging
import os
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError

from quantleap.adapters.kms_vault import KmsEnvelopeVault
from quantleap.adapters.patience import BUDGET_S, TRIES, Patience
from quantleap.adapters.table import Table
from quantleap.adapters.vault import SecretsManagerVault
from quantleap.domain.account import Credentials, Session
from quantleap.domain.errors import NotFound, Unavailable
from quantleap.domain.ports import CredentialVault
from quantleap.runtime import wiring
from quantleap.runtime.settings import BadEnvironment
from tests.builders import ASHA, NINE_TWENTY
from tests.fakes import FakeVault

APP = Credentials(api_key="key-of-asha", api_secret="secret-of-asha")
TOKEN = "token-of-asha"
ONE_TRY = Config(retries={"total_max_attempts": 1}, max_pool_connections=32)


@dataclass
class Aws:
    """A vault's own AWS: counts its calls, and refuses as many of them as it is told to."""

    client: Any
    calls: Counter[str] = field(default_factory=Counter)
    slept: list[float] = field(default_factory=list)
    refusals: int = 0
    code: str = "ThrottlingException"
    at: float = 0.0

    def __post_init__(self) -> None:
        service = self.client.meta.service_model.service_id.hyphenize()
        self.client.meta.events.register(f"before-call.{service}", self._count)
        self.client.meta.events.register_first(f"before-send.{service}", self._refuse)

    @property
    def patience(self) -> Patience:
        """Waits without waiting."""
        return Patience(self.sleep, lambda: self.at)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[model.name] += 1

    def _refuse(self, request: Any, **_: Any) -> AWSResponse | None:
        if not self.refusals:
            return None
        self.refusals -= 1
        if self.code == "hangs":
            self.at += 4
            raise ConnectTimeoutError(endpoint_url=request.url)
        body = f'{{"__type":"{self.code}","message":"Rate exceeded"}}'.encode()
        return AWSResponse(request.url, 400, HTTPHeaders(), _Raw(body))


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield self._body


@dataclass
class Place:
    """A vault, what stands behind it, and everything it stored as bytes."""

    vault: CredentialVault
    aws: Aws
    stored: Callable[[], str]


@pytest.fixture
def secrets_manager(aws: None) -> Place:
    behind = Aws(boto3.client("secretsmanager", config=ONE_TRY))

    def stored() -> str:
        return str(behind.client.list_secrets())

    return Place(SecretsManagerVault(behind.client, "quantleap/test", behind.patience), behind, stored)


@pytest.fixture
def kms_envelope(table: Table) -> Place:
    behind = Aws(boto3.client("kms", config=ONE_TRY))
    key_id = behind.client.create_key()["KeyMetadata"]["Arn"]

    def stored() -> str:
        return str(boto3.client("dynamodb").scan(TableName=table.name)["Items"])

    return Place(KmsEnvelopeVault(behind.client, table, key_id, behind.patience), behind, stored)


@pytest.fixture(params=["secrets_manager", "kms_envelope"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each vault in AWS."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["memory", "secrets_manager", "kms_envelope"])
def vault(request: pytest.FixtureRequest) -> CredentialVault:
    """Each vault, the tests' own included."""
    if request.param == "memory":
        return FakeVault()
    found: Place = request.getfixturevalue(request.param)
    return found.vault


def session(client_id: str = "ZEBU123", access: str = TOKEN) -> Session:
    return Session(access_token=access, client_id=client_id, expires_at=NINE_TWENTY + timedelta(hours=6))


class TestKeeping:
    def test_credentials_come_back_as_they_were_given(self, vault: CredentialVault) -> None:
        vault.put_credentials(ASHA, "ZEBU123", APP)

        assert vault.credentials(ASHA, "ZEBU123") == APP

    def test_new_credentials_replace_the_old(self, vault: CredentialVault) -> None:
        newer = Credentials(api_key="app", api_secret="newer")
        vault.put_credentials(ASHA, "ZEBU123", APP)
        vault.put_credentials(ASHA, "ZEBU123", newer)

        assert vault.credentials(ASHA, "ZEBU123") == newer

    def test_credentials_nobody_stored_are_not_found(self, vault: CredentialVault) -> None:
        vault.put_session(ASHA, session())

        with pytest.raises(NotFound):
            vault.credentials(ASHA, "ZEBU123")

    def test_a_session_comes_back_whole_and_todays_replaces_yesterdays(self, vault: CredentialVault) -> None:
        today = session().model_copy(update={"feed_token": "feed", "api_secret": "s" * 512, "access_token": "t" * 6000})
        vault.put_session(ASHA, session(access="yesterday"))
        vault.put_session(ASHA, today)

        assert vault.sessions([(ASHA, "ZEBU123")]) == {(ASHA, "ZEBU123"): today}

    def test_accounts_of_one_user_and_users_of_one_client_id_are_kept_apart(self, vault: CredentialVault) -> None:
        names = [(ASHA, "ZEBU123"), (ASHA, "ZEBU124"), ("usr_ravi", "ZEBU123")]
        for user_id, client_id in names:
            vault.put_session(user_id, session(client_id, f"{user_id}/{client_id}"))

        found = vault.sessions(names)

        assert {name: each.access_token for name, each in found.items()} == {name: "/".join(name) for name in names}

    def test_a_deleted_account_has_nothing_to_read_at_once_and_may_be_deleted_twice(
        self, vault: CredentialVault
    ) -> None:
        vault.put_credentials(ASHA, "ZEBU123", APP)
        vault.put_session(ASHA, session())

        vault.forget(ASHA, "ZEBU123")
        vault.forget(ASHA, "ZEBU123")

        assert vault.sessions([(ASHA, "ZEBU123")]) == {}
        with pytest.raises(NotFound):
            vault.credentials(ASHA, "ZEBU123")

    def test_deleting_one_account_leaves_the_users_other(self, vault: CredentialVault) -> None:
        for client_id in ("ZEBU123", "ZEBU124"):
            vault.put_credentials(ASHA, client_id, APP)

        vault.forget(ASHA, "ZEBU123")

        assert vault.credentials(ASHA, "ZEBU124") == APP

    def test_a_deleted_account_can_be_linked_again(self, vault: CredentialVault) -> None:
        vault.put_credentials(ASHA, "ZEBU123", APP)
        vault.forget(ASHA, "ZEBU123")
        vault.put_credentials(ASHA, "ZEBU123", APP)

        assert vault.credentials(ASHA, "ZEBU123") == APP

    def test_a_whole_shard_is_read_together_the_missing_left_out(self, vault: CredentialVault) -> None:
        names = [(ASHA, f"CLIENT{n}") for n in range(250)]
        for user_id, client_id in names[::2]:
            vault.put_session(user_id, session(client_id, f"token of {client_id}"))

        found = vault.sessions(names)

        assert {name: each.access_token for name, each in found.items()} == {
            name: f"token of {name[1]}" for name in names[::2]
        }

    def test_asked_for_nothing_it_answers_nothing(self, vault: CredentialVault) -> None:
        assert vault.sessions([]) == {}


class TestThrottling:
    @pytest.mark.parametrize("code", ["ThrottlingException", "InternalServiceError", "hangs"])
    def test_passes_unnoticed_while_it_is_short(self, place: Place, code: str) -> None:
        place.vault.put_credentials(ASHA, "ZEBU123", APP)
        place.vault.put_session(ASHA, session())
        place.aws.code = code
        place.aws.refusals = 2

        assert place.vault.credentials(ASHA, "ZEBU123") == APP
        place.aws.refusals = 2
        assert place.vault.sessions([(ASHA, "ZEBU123")]) == {(ASHA, "ZEBU123"): session()}
        assert place.aws.slept

    @pytest.mark.parametrize("code", ["ThrottlingException", "hangs"])
    def test_that_lasts_ends_in_unavailable_after_a_bounded_number_of_tries(self, place: Place, code: str) -> None:
        place.vault.put_credentials(ASHA, "ZEBU123", APP)
        place.vault.put_session(ASHA, session())
        for ask in (
            lambda: place.vault.credentials(ASHA, "ZEBU123"),
            lambda: place.vault.sessions([(ASHA, "ZEBU123")]),
            lambda: place.vault.put_session(ASHA, session()),
        ):
            before, began = place.aws.calls.total(), place.aws.at
            place.aws.code, place.aws.refusals = code, 1000

            with pytest.raises(Unavailable):
                ask()

            assert place.aws.calls.total() - before <= TRIES + 1
            assert place.aws.at - began < 2 * BUDGET_S
            place.aws.refusals = 0

    def test_of_some_accounts_does_not_cost_the_others_their_boundary(self, place: Place) -> None:
        names = [(ASHA, f"CLIENT{n}") for n in range(100)]
        for user_id, client_id in names:
            place.vault.put_session(user_id, session(client_id))
        place.aws.refusals = 60

        assert set(place.vault.sessions(names)) == set(names)


class TestSecrecy:
    def test_nothing_is_said_in_logs_reprs_errors_or_items(
        self, place: Place, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level(logging.DEBUG)
        place.vault.put_credentials(ASHA, "ZEBU123", APP)
        place.vault.put_session(ASHA, session())
        said = [place.stored(), repr(place.vault.credentials(ASHA, "ZEBU123"))]
        said.append(repr(place.vault.sessions([(ASHA, "ZEBU123")])))
        place.aws.refusals = 1000
        with pytest.raises(Unavailable) as refused:
            place.vault.put_credentials(ASHA, "ZEBU123", APP)
        said += traceback.format_exception(refused.value)
        with pytest.raises(Unavailable) as refused:
            place.vault.sessions([(ASHA, "ZEBU123")])
        said += traceback.format_exception(refused.value)

        text = " ".join([*said, caplog.text, *capsys.readouterr()])
        assert not [secret for secret in (APP.api_key, APP.api_secret, TOKEN) if secret in text]

    def test_an_entry_that_was_damaged_is_reported_without_its_text(
        self, place: Place, caplog: pytest.LogCaptureFixture, damage: Callable[[Place], None]
    ) -> None:
        place.vault.put_session(ASHA, session())
        place.vault.put_session(ASHA, session("ZEBU124"))
        damage(place)

        assert set(place.vault.sessions([(ASHA, "ZEBU123"), (ASHA, "ZEBU124")])) == {(ASHA, "ZEBU124")}
        assert "ZEBU123" in caplog.text
        assert TOKEN not in caplog.text


@pytest.fixture
def damage(table: Table) -> Callable[[Place], None]:
    """Make what is stored as the session of one account unreadable."""

    def break_it(place: Place) -> None:
        if isinstance(place.vault, SecretsManagerVault):
            name = f"quantleap/test/{ASHA}/ZEBU123/oauth-token"
            place.aws.client.put_secret_value(SecretId=name, SecretString=f'{{"access_token": "{TOKEN}"')
        else:
            key: Any = {"user_id": ASHA, "sort_key": "BROKER_SESSION#ZEBU123"}
            table.put({**(table.get(key) or {}), "sealed": b"no longer what was sealed"})

    return break_it


class TestCalls:
    def test_a_shard_of_250_is_unlocked_with_few_calls_side_by_side(self, place: Place) -> None:
        names = [(ASHA, f"CLIENT{n}") for n in range(250)]
        for user_id, client_id in names:
            place.vault.put_session(user_id, session(client_id))
        place.aws.calls.clear()

        place.vault.sessions(names)

        expected = {"BatchGetSecretValue": 13} if isinstance(place.vault, SecretsManagerVault) else {"Decrypt": 250}
        assert place.aws.calls == expected

    def test_a_login_costs_one_read_and_one_write(self, place: Place) -> None:
        place.vault.put_credentials(ASHA, "ZEBU123", APP)
        place.vault.put_session(ASHA, session())
        place.aws.calls.clear()

        place.vault.credentials(ASHA, "ZEBU123")
        place.vault.put_session(ASHA, session())

        read, write = (
            ("GetSecretValue", "PutSecretValue")
            if isinstance(place.vault, SecretsManagerVault)
            else ("Decrypt", "GenerateDataKey")
        )
        assert place.aws.calls == {read: 1, write: 1}


def test_patience_asks_nobody_any_more_once_its_time_is_over() -> None:
    clock = count(0, 5)
    asked: list[int] = []
    patience = Patience(lambda _: None, lambda: float(next(clock)))

    def time_out(number: int) -> None:
        asked.append(number)
        raise ConnectTimeoutError(endpoint_url="https://kms")

    with pytest.raises(Unavailable):
        patience.each(time_out, range(100)).unless_nothing_came()

    assert len(asked) < 5


class TestChoice:
    def test_a_stage_keeps_secrets_in_secrets_manager_unless_it_says_otherwise(self, deployed: dict[str, str]) -> None:
        assert isinstance(wiring.vault(), SecretsManagerVault)

    def test_a_stage_that_seals_uses_its_own_key(
        self, deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key_id = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
        monkeypatch.setenv("CREDENTIAL_VAULT", "kms_envelope")
        monkeypatch.setenv("VAULT_KEY_ID", key_id)

        wiring.vault().put_credentials(ASHA, "ZEBU123", APP)

        assert isinstance(wiring.vault(), KmsEnvelopeVault)
        assert wiring.vault().credentials(ASHA, "ZEBU123") == APP
        assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []

    def test_a_stage_that_seals_and_was_told_no_key_says_so(
        self, deployed: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CREDENTIAL_VAULT", "kms_envelope")

        with pytest.raises(BadEnvironment, match="VAULT_KEY_ID"):
            wiring.vault()

    def test_stages_that_do_not_seal_start_without_the_cryptography(self, deployed: dict[str, str]) -> None:
        program = "import sys; from quantleap.runtime import wiring; wiring.vault(); print(*sys.modules)"

        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, "")
        assert "cryptography" not in done.stdout.split()
