"""What stops a command of the sandbox."""


class Problem(Exception):
    """Something a person has to change; the message is all they need to read."""
