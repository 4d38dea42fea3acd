"""What plays thousands of lives says nothing in the logs; every other test needs them again."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest


@pytest.fixture(autouse=True)
def _logs_again() -> Generator[None]:  # pyright: ignore[reportUnusedFunction] - pytest uses it
    yield
    logging.disable(logging.NOTSET)
