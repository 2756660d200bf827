"""Upstox as it looks from outside: its versions 2 and 3, all hosts behind one address."""
