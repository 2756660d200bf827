"""Zebu (MYNT) as it looks from outside: the Noren OMS over OAuth, in its own words and manners."""
