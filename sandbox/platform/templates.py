"""The strategies a fresh sandbox offers: each with a bounded loss, none a recommendation."""

from typing import Any


def _leg(side: str, right: str, offset: int, lots: int = 1) -> dict[str, Any]:
    return {"side": side, "right": right, "strike": {"rule": "ATM", "offset": offset}, "lots": lots}


IRON_CONDOR: dict[str, Any] = {
    "name": "NIFTY Weekly Iron Condor",
    "description": "Sells a call and a put 4 strikes from the money and buys protection 4 strikes further out.",
    "category": "INCOME",
    "strategies": [
        {
            "index": "NIFTY",
            "entry_time": "09:20",
            "exit_time": "15:20",
            "expiry_type": "WEEKLY",
            "legs": [
                _leg("SELL", "CE", 4),
                _leg("BUY", "CE", 8),
                _leg("SELL", "PE", -4),
                _leg("BUY", "PE", -8),
            ],
        }
    ],
    "stop_loss": 25,
    "target": 50,
}

WINGED_STRANGLE: dict[str, Any] = {
    "name": "BANKNIFTY Monthly Winged Strangle",
    "description": "A short strangle 10 strikes from the money, its loss capped by wings 10 strikes further out.",
    "category": "INCOME",
    "strategies": [
        {
            "index": "BANKNIFTY",
            "entry_time": "09:30",
            "exit_time": "15:15",
            "expiry_type": "MONTHLY",
            "legs": [
                _leg("SELL", "CE", 10),
                _leg("BUY", "CE", 20),
                _leg("SELL", "PE", -10),
                _leg("BUY", "PE", -20),
            ],
        }
    ],
    "stop_loss": 30,
}

LONG_STRADDLE: dict[str, Any] = {
    "name": "NIFTY Midweek Long Straddle",
    "description": "Buys a call and a put at the money on Tuesdays and Wednesdays; the premium is all it can lose.",
    "category": "VOLATILITY",
    "strategies": [
        {
            "index": "NIFTY",
            "entry_time": "09:45",
            "exit_time": "14:30",
            "days": ["TUE", "WED"],
            "expiry_type": "WEEKLY",
            "legs": [_leg("BUY", "CE", 0), _leg("BUY", "PE", 0)],
        }
    ],
    "stop_loss": 40,
    "target": 80,
}

PAID = {"type": "PAID", "monthly_fee": 999}
FREE = {"type": "FREE"}

TEMPLATES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    (IRON_CONDOR, {"difficulty_level": "INTERMEDIATE", "pricing": PAID, "tags": ["NIFTY", "WEEKLY"]}),
    (WINGED_STRANGLE, {"difficulty_level": "ADVANCED", "pricing": PAID, "tags": ["BANKNIFTY", "MONTHLY"]}),
    (LONG_STRADDLE, {"difficulty_level": "BEGINNER", "pricing": FREE, "tags": ["NIFTY", "VOLATILITY"]}),
)
"""Each basket, and how the marketplace offers it."""
