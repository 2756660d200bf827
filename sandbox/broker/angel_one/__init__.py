"""Angel One as it looks from outside: SmartAPI, in its own words and manners."""
