"""HTTP to our own servers on this machine, as an operator's browser or a test's hand speaks it."""

from __future__ import annotations

import ssl

import httpx

# It trusts nobody, and nobody here speaks TLS: to read the world's certificates takes 22 ms of each
# client, and the tests make thousands of them.
_NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


# Far more than anything takes, on a machine that does much else.
_TIMEOUT_S = 30.0


def client(base_url: str = "") -> httpx.AsyncClient:
    """A client for plain HTTP."""
    return httpx.AsyncClient(
        base_url=base_url, timeout=_TIMEOUT_S, verify=_NO_TRUST, trust_env=False
    )
