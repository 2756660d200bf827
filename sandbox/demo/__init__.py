"""A trading day's journey, played on the running platform as a person watches it."""
