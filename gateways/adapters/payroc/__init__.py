"""Payroc's card payments API: a pre-authorization is our hold.

Read from the Payroc OpenAPI (1.0.294, 2026-08-20), Payroc's pages "Run a pre-authorization"
and "Capture the pre-authorization" (docs.payroc.com) and Payroc's own functional tests
(payroc-sdk-dotnet, 2026-02-23). What they leave open, and the side we took, is in
``docs/gateways/payroc.md``.
"""

from gateways.adapters.payroc.account import KIND, PayrocAccount
from gateways.adapters.payroc.adapter import Payroc, Site, open_payroc

__all__ = ["KIND", "Payroc", "PayrocAccount", "Site", "open_payroc"]
