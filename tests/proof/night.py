"""What is played at night only: the rest of the suite has to end in ten minutes."""

from __future__ import annotations

import os

import pytest

#: Starts whole stacks more than the short runs do.
AT_NIGHT = pytest.mark.skipif(
    "CARDHOLD_NIGHT" not in os.environ, reason="takes a minute more: set CARDHOLD_NIGHT"
)
