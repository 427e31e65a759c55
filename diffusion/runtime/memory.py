"""Memory that has run out, on whatever device."""

import errno

# in the words of torch and its libraries, which raise a plain RuntimeError for most devices
SIGNS = ("out of memory", "allocate memory", "not enough memory", "ALLOC_FAILED", "bad_alloc", "bad allocation")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is exhausted."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS)
    )
