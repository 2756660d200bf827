"""Plans in S3: what a run's workers read, too large for a state machine's 256 KB."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from quantleap.domain.execution import Decision, Plan, Seat

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SEATS: TypeAdapter[list[Seat]] = TypeAdapter(list[Seat])


class S3PlanStore:
    """One folder for each plan: `plans/{run_id}/{plan_id}/`."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write_seats(self, plan: Plan, shards: Sequence[Sequence[Seat]]) -> None:
        """Store every shard's seats."""
        for number, seats in enumerate(shards):
            self._write(_seats_key(plan.due.run_id, plan.plan_id, number), _SEATS.dump_json(list(seats)))

    def seats(self, run_id: str, plan_id: str, shard: int) -> Sequence[Seat]:
        """A shard's seats."""
        return _SEATS.validate_json(self._read(_seats_key(run_id, plan_id, shard)))

    def write_decision(self, plan: Plan, decision: Decision) -> None:
        """Store the run's decision beside its seats."""
        self._write(_decision_key(plan.due.run_id, plan.plan_id), decision.model_dump_json().encode())

    def decision(self, run_id: str, plan_id: str) -> Decision:
        """The run's decision."""
        return Decision.model_validate_json(self._read(_decision_key(run_id, plan_id)))

    def write_list(self, items: Sequence[dict[str, Any]]) -> tuple[str, str]:
        """Store what a step hands to the next, named by what it says, so that no other list is written over.

        Returns (bucket, key). Distributed maps read it too.
        """
        body = json.dumps(items).encode()
        key = f"lists/{hashlib.sha256(body).hexdigest()}.json"
        self._write(key, body)
        return self._bucket, key

    def read_list(self, key: str) -> Sequence[dict[str, Any]]:
        """What another step stored."""
        items: list[dict[str, Any]] = json.loads(self._read(key))
        return items

    def _write(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")

    def _read(self, key: str) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()


def _seats_key(run_id: str, plan_id: str, shard: int) -> str:
    return f"plans/{run_id}/{plan_id}/seats-{shard:04}.json"


def _decision_key(run_id: str, plan_id: str) -> str:
    return f"plans/{run_id}/{plan_id}/decision.json"
