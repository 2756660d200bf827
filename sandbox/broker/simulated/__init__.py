"""The simulator's own broker, for paper trading: one clean JSON format, described in `wire`."""
