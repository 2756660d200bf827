"""The simulator of large runs: quotas as constants, a sample of workers, and the page its tables go to."""

import math
from pathlib import Path

import pytest

from bench import scale
from bench.quotas import QUOTAS, Run, binding, cost, starts_after
from bench.scale_page import MARKS, Played, write


def used(name: str, subscribers: int) -> float:
    (quota,) = (quota for quota in QUOTAS if quota.name.startswith(name))
    return quota.used(Run(subscribers, ticket_units=3))


def test_lambda_gives_a_thousand_environments_every_ten_seconds() -> None:
    assert [starts_after(worker) for worker in (0, 999, 1000, 3999)] == [0, 0, 10, 30]


@pytest.mark.parametrize(
    ("quota", "subscribers", "share"),
    [
        ("Lambda, environments", 250_000, 0),
        ("Lambda, environments", 1_000_000, 30 / 27),
        ("Lambda, concurrency", 250_000, 1),
        ("Distributed Map", 1_000_000, 0.4),
        ("Secrets Manager, tokens read", 100_000, 400 * 13 / 100 / 27),
        ("Secrets Manager, tokens written", 585_000, 1),
        ("KMS", 270_000, 1),
        ("NAT", 440_000, 1),
        ("DynamoDB, looks for halts", 1_500_000, 1),
        ("DynamoDB, all tickets", 27_000, 1),
        ("DynamoDB, one shard's tickets", 1_000_000, 750 / 1000 / 27),
    ],
)
def test_a_run_uses_its_share_of_a_quota(quota: str, subscribers: int, share: float) -> None:
    assert used(quota, subscribers) == pytest.approx(share)


def test_the_binding_quota_is_the_one_used_most() -> None:
    run = Run(100_000, ticket_units=3)

    assert binding(run).used(run) == max(quota.used(run) for quota in QUOTAS)


def test_a_run_costs_in_proportion_to_its_subscribers() -> None:
    small, large = (sum(cost(Run(count, 3), 0, 35).values()) for count in (100_000, 1_000_000))

    assert large == pytest.approx(10 * small, rel=0.01)


def test_of_many_workers_some_are_played_evenly_from_first_to_last() -> None:
    assert scale.sample(4) == [0, 1, 2, 3]
    assert scale.sample(4000)[:3] == [0, 200, 400]


def test_a_broker_that_takes_all_fills_everything_and_one_that_does_not_takes_its_time() -> None:
    free, slow = scale.play(200, ["inf/30", "200/30"])

    assert free.states == slow.states == {"filled": 800}
    assert (free.first_order_s, free.late) == (0, 0)
    assert free.last_arrival_s < slow.last_arrival_s
    assert slow.last_arrival_s >= 800 / 200


def test_a_worker_launched_after_the_boundary_enters_nobody() -> None:
    (late,) = scale.play(200, ["inf/-2"])

    assert late.late == 1


def a_play(**changes: object) -> Played:
    usual = Played(1000, math.inf, 30.0, 3, 0.01, 0.0, 1.4, 1.6, 1.8, {"filled": 3900, "open": 100}, 0.0)
    return usual._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("was", ["old\n", ""])
def test_tables_replace_what_stood_between_their_marks(tmp_path: Path, was: str) -> None:
    page = tmp_path / "scale.md"
    marks = [f"<!-- {name}: made by `make bench` -->\n{was}<!-- end of {name} -->" for name in MARKS]
    page.write_text("\n".join(["Before.", *marks, "After."]))

    for _ in range(2):
        write([a_play(), a_play(admitted_per_s=20_000.0, late=0.5)], page)

    text = page.read_text()
    assert "old" not in text
    assert "| 1,000 | 4 | all at once | 30 s | 1.4 s | 1.6 s | filled 98%, open 2% |" in text
    assert "filled 98%, open 2%, **50% of the subscribers skipped: worker late** |" in text
    assert text.startswith("Before.")
    assert text.endswith("After.")
