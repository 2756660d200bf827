"""ICICI Direct as it looks from outside: Breeze, in its own words and manners."""
