"""``Retry-After`` in every form that RFC 9110 allows, and in those that gateways send as well."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateways.retry_after import retry_after_s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "86400"}, 86_400.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        (
            {
                "retry-after": "Sun, 01 Mar 2026 12:00:30 GMT",
                "date": "Sun, 01 Mar 2026 12:00:10 GMT",
            },
            20.0,
        ),
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "86401"}, None),
        ({"retry-after": "9" * 6000}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Sun, 01 Mar 2026 11:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, None),
        ({"retry-after": "Sun, 99 Mar 2026 12:00:30 GMT"}, None),
    ],
)
def test_only_a_sensible_wait_is_taken_over(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=NOW) == seconds
