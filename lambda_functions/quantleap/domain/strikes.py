"""How the strike of a leg is named in a template: five rules, each with a field of its own.

| rule      | field     | the strike                                                        |
| --------- | --------- | ----------------------------------------------------------------- |
| `ATM`     | `offset`  | so many strikes above (+) or below (-) the one nearest to the spot |
| `PERCENT` | `percent` | nearest to the spot moved by so many percent                      |
| `PREMIUM` | `premium` | whose option trades nearest to so many rupees                     |
| `DELTA`   | `delta`   | whose option's delta is nearest, a put's without its sign          |
| `FIXED`   | `strike`  | itself                                                            |
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from quantleap.domain.model import Exact, Model, Whole


class StrikeName(StrEnum):
    """The rules by name."""

    ATM = "ATM"
    PERCENT = "PERCENT"
    PREMIUM = "PREMIUM"
    DELTA = "DELTA"
    FIXED = "FIXED"


class AtmStrike(Model):
    """`offset` strikes above (+) or below (-) the money."""

    rule: Literal[StrikeName.ATM] = StrikeName.ATM
    offset: Whole = Field(default=0, ge=-40, le=40)

    def __str__(self) -> str:
        """As an administrator reads it."""
        if not self.offset:
            return "at the money"
        side = "above" if self.offset > 0 else "below"
        strikes = "strike" if abs(self.offset) == 1 else "strikes"
        return f"{abs(self.offset)} {strikes} {side} the money"


class PercentStrike(Model):
    """Nearest to the spot moved up (+) or down (-) by `percent` of itself."""

    rule: Literal[StrikeName.PERCENT] = StrikeName.PERCENT
    percent: Exact = Field(ge=-25, le=25, decimal_places=2)

    def __str__(self) -> str:
        """As an administrator reads it."""
        side = "above" if self.percent >= 0 else "below"
        return f"nearest to {abs(self.percent)} % {side} the spot"


class PremiumStrike(Model):
    """The option that trades nearest to `premium` rupees."""

    rule: Literal[StrikeName.PREMIUM] = StrikeName.PREMIUM
    premium: Exact = Field(gt=0, le=10_000, decimal_places=2)

    def __str__(self) -> str:
        """As an administrator reads it."""
        return f"premium nearest to {self.premium} rupees"


class DeltaStrike(Model):
    """The option whose delta is nearest; a put's delta is written without its sign."""

    rule: Literal[StrikeName.DELTA] = StrikeName.DELTA
    delta: Exact = Field(ge=Decimal("0.01"), le=Decimal("0.99"), decimal_places=2)

    def __str__(self) -> str:
        """As an administrator reads it."""
        return f"delta nearest to {self.delta}"


class FixedStrike(Model):
    """One strike, wherever the market stands."""

    rule: Literal[StrikeName.FIXED] = StrikeName.FIXED
    strike: Exact = Field(gt=0, le=1_000_000, decimal_places=2)

    def __str__(self) -> str:
        """As an administrator reads it."""
        return f"strike {self.strike}"


class _Named(Model):
    """What every rule has, for one that names none of them."""

    model_config = ConfigDict(extra="ignore")

    rule: StrikeName


RULES: Mapping[str, type[Model]] = {
    StrikeName.ATM: AtmStrike,
    StrikeName.PERCENT: PercentStrike,
    StrikeName.PREMIUM: PremiumStrike,
    StrikeName.DELTA: DeltaStrike,
    StrikeName.FIXED: FixedStrike,
}


def _by_name(value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was written
    """Read a rule as the one it names, so that a complaint's path is the field's own; without a name it is ATM."""
    if not isinstance(value, Mapping):
        return read(value) if isinstance(value, Model) else AtmStrike.model_validate(value, context=info.context)
    name = value.get("rule", StrikeName.ATM)
    return RULES.get(name if isinstance(name, str) else "", _Named).model_validate(value, context=info.context)


StrikeRule = Annotated[AtmStrike | PercentStrike | PremiumStrike | DeltaStrike | FixedStrike, WrapValidator(_by_name)]
"""Any of the rules."""
