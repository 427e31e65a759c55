"""The one kind of error that is meant to be read by a person."""


class InputError(ValueError):
    """Bad input. ``str(error)`` is one clear sentence: what was wrong, and what is allowed."""
