"""What the tests of the scripts share."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known that these tests alone carry."""
    config.addinivalue_line("markers", "slow: starts whole stacks, and takes tens of seconds")
