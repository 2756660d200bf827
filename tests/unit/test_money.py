from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.money import split

fees = st.decimals(0, 10_000_000, places=2)
percentages = st.decimals(0, 100, places=2)


def test_a_fee_of_999_is_shared_to_the_paisa() -> None:
    assert split(Decimal(999), Decimal(30)) == (Decimal("299.70"), Decimal("699.30"))


@given(fees, percentages)
def test_the_shares_always_add_up_to_the_fee(fee: Decimal, percentage: Decimal) -> None:
    share = split(fee, percentage)

    assert share.partner + share.platform == fee


@given(fees, percentages)
def test_no_share_is_negative_or_finer_than_a_paisa(fee: Decimal, percentage: Decimal) -> None:
    share = split(fee, percentage)

    assert all(part >= 0 and part == round(part, 2) for part in share)


@given(fees, percentages)
def test_the_partner_is_off_its_percentage_by_half_a_paisa_at_most(fee: Decimal, percentage: Decimal) -> None:
    assert abs(split(fee, percentage).partner - fee * percentage / 100) <= Decimal("0.005")
