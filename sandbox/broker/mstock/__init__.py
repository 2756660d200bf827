"""mStock as it looks from outside: its Type A dialect, in its own words and manners."""
