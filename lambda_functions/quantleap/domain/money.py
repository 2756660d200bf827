"""Rupees: decimals of two places whose shares add up."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, NamedTuple

from pydantic import Field

from quantleap.domain.model import NUMBER

PAISA = Decimal("0.01")

Rupees = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2), NUMBER]


class Split(NamedTuple):
    """A fee in two parts; `partner + platform` is the fee to the paisa."""

    partner: Decimal
    platform: Decimal


def to_paisa(amount: Decimal) -> Decimal:
    """Round half up to two places, as an invoice does."""
    return amount.quantize(PAISA, rounding=ROUND_HALF_UP)


def split(fee: Decimal, partner_percentage: Decimal) -> Split:
    """Share a fee; the platform takes what the partner's rounded part leaves."""
    partner = to_paisa(fee * partner_percentage / 100)
    return Split(partner=partner, platform=to_paisa(fee) - partner)
