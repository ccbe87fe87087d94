"""Settings judged by the library's own rules, so that a rule stands in one place: in C++."""

import contextlib
import re


@contextlib.contextmanager
def as_value_error(name=None):
    """What the operators refuse inside becomes a ValueError, under `name` where one is given."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).partition("\n")[0]  # what follows a wrong type explains the schema
        raise ValueError(re.sub(r"^(\[[^]]*\] )?", f"[{name}] ", text) if name else text) from None


def check_at_least_0(owner, **numbers):
    """Raises ValueError for the first of the numbers that is negative or not whole."""
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"[{owner}] {name} must be an integer >= 0, got: {value!r}")
