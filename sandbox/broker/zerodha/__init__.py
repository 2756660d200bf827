"""Zerodha as it looks from outside: Kite Connect version 3, in its own words and manners."""
