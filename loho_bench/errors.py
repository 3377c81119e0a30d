"""The one exception that users meet: what went wrong, why, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A failure that the user can mend.

    Parameters
    ----------
    what : str
        What cannot be done, naming the file, setting or method.
    cause : str
        Why, in the words of the format or the rule that is broken.
    remedy : str
        What to change so that the next run succeeds.
    """

    def __init__(self, what: str, *, cause: str = "", remedy: str = ""):
        self.what, self.cause, self.remedy = what, cause, remedy
        lines = [what]
        if cause:
            lines.append(f"  cause:  {cause}")
        if remedy:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'loho'?"`` for the nearest known name, or an empty string."""
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
