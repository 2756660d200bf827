"""What only sealed items can get wrong: copies, swaps and damage."""

from collections import Counter
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from quantleap.adapters import keys
from quantleap.adapters.kms_vault import KmsEnvelopeVault
from quantleap.adapters.sealing import SealBroken
from quantleap.adapters.table import Item, Table
from quantleap.domain.account import Credentials, Session
from tests.builders import ASHA, NINE_TWENTY

RAVI = "usr_0000000000000000ravi"
APP = Credentials(api_key="app", api_secret="secret")
ENDS = NINE_TWENTY + timedelta(hours=6)


@pytest.fixture
def kms(aws: None) -> Any:
    return boto3.client("kms")


@pytest.fixture
def vault(kms: Any, table: Table) -> KmsEnvelopeVault:
    return KmsEnvelopeVault(kms, table, kms.create_key()["KeyMetadata"]["Arn"])


def session(client_id: str = "ZEBU123") -> Session:
    return Session(access_token="token", client_id=client_id, expires_at=ENDS)


def credentials_item(table: Table, user_id: str = ASHA, client_id: str = "ZEBU123") -> Item:
    item = table.get(keys.broker_secret("BROKER_CREDENTIALS", user_id, client_id))
    assert item is not None
    return item


@pytest.mark.parametrize("copied", [("data_key", "sealed"), ("data_key",), ("sealed",)])
@pytest.mark.parametrize("owner", [(ASHA, "ZEBU124"), (RAVI, "ZEBU123")])
def test_what_was_sealed_for_another_account_opens_nowhere_else(
    vault: KmsEnvelopeVault, table: Table, owner: tuple[str, str], copied: tuple[str, ...]
) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    vault.put_credentials(*owner, APP)
    mine = credentials_item(table)
    table.put({**credentials_item(table, *owner), **{name: mine[name] for name in copied}})

    with pytest.raises(SealBroken):
        vault.credentials(*owner)
    assert vault.credentials(ASHA, "ZEBU123") == APP


def test_credentials_do_not_open_as_a_session_of_the_same_account(vault: KmsEnvelopeVault, table: Table) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    table.put({**credentials_item(table), **keys.broker_secret("BROKER_SESSION", ASHA, "ZEBU123")})

    assert vault.sessions([(ASHA, "ZEBU123")]) == {}


def test_one_session_that_was_swapped_costs_nobody_else_theirs_and_is_told(
    vault: KmsEnvelopeVault, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    for client_id in ("ZEBU123", "ZEBU124"):
        vault.put_session(ASHA, session(client_id))
    swapped = keys.broker_secret("BROKER_SESSION", ASHA, "ZEBU123")
    table.put({**(table.get(keys.broker_secret("BROKER_SESSION", ASHA, "ZEBU124")) or {}), **swapped})

    assert set(vault.sessions([(ASHA, "ZEBU123"), (ASHA, "ZEBU124")])) == {(ASHA, "ZEBU124")}
    assert f"session of ZEBU123 of {ASHA}: SealBroken" in caplog.text


def test_kms_itself_opens_the_data_key_for_its_owner_and_kind_only(
    vault: KmsEnvelopeVault, table: Table, kms: Any
) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    data_key = bytes(credentials_item(table)["data_key"])
    right = {"user_id": ASHA, "client_id": "ZEBU123", "kind": "credentials"}

    assert kms.decrypt(CiphertextBlob=data_key, EncryptionContext=right)["Plaintext"]
    for wrong in ({}, right | {"user_id": RAVI}, right | {"client_id": "ZEBU124"}, right | {"kind": "session"}):
        with pytest.raises(ClientError, match="InvalidCiphertext"):
            kms.decrypt(CiphertextBlob=data_key, EncryptionContext=wrong)


def test_every_write_has_a_data_key_of_its_own(vault: KmsEnvelopeVault, table: Table) -> None:
    items = []
    for _ in range(2):
        vault.put_credentials(ASHA, "ZEBU123", APP)
        items.append(credentials_item(table))

    assert items[0]["data_key"] != items[1]["data_key"]
    assert items[0]["sealed"] != items[1]["sealed"]


def test_a_session_leaves_the_table_by_itself_once_it_died_and_credentials_stay(
    vault: KmsEnvelopeVault, table: Table
) -> None:
    vault.put_credentials(ASHA, "ZEBU123", APP)
    vault.put_session(ASHA, session())
    held = table.get(keys.broker_secret("BROKER_SESSION", ASHA, "ZEBU123"))

    assert held is not None
    assert held["expires_at"] == ENDS.timestamp()
    assert set(credentials_item(table)) == {"user_id", "sort_key", "entity_type", "version", "data_key", "sealed"}


def test_a_shard_of_250_reads_its_items_in_three_calls(vault: KmsEnvelopeVault, table: Table) -> None:
    names = [(ASHA, f"CLIENT{n}") for n in range(250)]
    for user_id, client_id in names[:3]:
        vault.put_session(user_id, session(client_id))
    made: Counter[str] = Counter()
    table._client.meta.events.register("before-call.dynamodb", lambda model, **_: made.update([model.name]))

    vault.sessions(names)

    assert made == {"BatchGetItem": 3}
