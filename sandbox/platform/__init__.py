"""Starts the emulator and the broker simulator, deploys the stack, fills it, and ends it all again."""
