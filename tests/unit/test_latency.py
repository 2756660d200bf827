from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.latency import Latencies

TIMES = st.lists(st.decimals("0.001", "60000", places=3), min_size=1, max_size=200)


def exact(times: list[Decimal], percent: int) -> Decimal:
    return sorted(times)[-(-len(times) * percent // 100) - 1]


@given(TIMES)
def test_a_percentile_is_never_under_the_exact_one_and_at_most_a_hundredth_over(times: list[Decimal]) -> None:
    found = Latencies.of(times).percentiles()

    assert found is not None
    assert found.max == max(times)
    for percent, value in ((50, found.p50), (95, found.p95), (99, found.p99)):
        least = exact(times, percent)
        assert least - Decimal("0.0005") <= value <= least * Decimal("1.011") + Decimal("0.001")


@given(TIMES, TIMES)
def test_shards_times_add_up_as_if_measured_together(one: list[Decimal], other: list[Decimal]) -> None:
    assert Latencies.of(one).plus(Latencies.of(other)) == Latencies.of([*one, *other])


@given(TIMES)
def test_times_survive_being_stored(times: list[Decimal]) -> None:
    kept = Latencies.of(times)

    assert Latencies.model_validate(kept.model_dump(mode="json")) == kept


def test_what_was_not_measured_has_no_percentiles() -> None:
    assert Latencies.of([]).percentiles() is None
