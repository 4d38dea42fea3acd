"""Why a process does not start: one sentence for a person, one exit code for a script."""

from __future__ import annotations

# The command line's documented exit codes: 2 is "wrong usage or settings", 7 is "Temporal does
# not answer". A supervisor may restart on 7 and has to call somebody on 2.
WRONG_SETTINGS = 2
TEMPORAL_UNREACHABLE = 7


class CannotStart(Exception):
    """Nothing was started, no gateway was called, and no hold was touched.

    Attributes:
        exit_code: What the process ends with.
    """

    def __init__(self, sentence: str, *, exit_code: int = WRONG_SETTINGS) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
