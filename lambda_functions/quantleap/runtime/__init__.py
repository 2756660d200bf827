"""Settings, wiring and the doorway every handler shares."""
