"""Stax (formerly Fattmerchant): a pre-authorized charge is our hold.

Read from Stax's API reference (api-docs.staxpayments.com and docs.staxpayments.com, read 2026:
"Capture a Pre-Auth Transaction", "Charge a Payment Method", "Transactions", "Idempotency",
"Setting Preauthorized Transactions", "Payment Decline Codes"), the OpenAPI documents embedded in
it (info.version 0.1, harvested 2026-08-29) and published clients. What they leave open, and the
side we took, is in ``docs/gateways/stax.md``; in short:

* The amount of a capture is ``amount`` in the reference's prose and ``total`` in its OpenAPI and
  in every client. Without one it understands, Stax takes everything: both are sent.
* ``idempotency_id`` is proven for a charge alone; for how long, nobody says. A capture carries
  one, and nothing relies on it.
* A hold is freed with ``/void`` and never with ``/void-or-refund``, which would be a refund where
  somebody has captured meanwhile.
* No field says that a hold has lapsed: Stax goes on showing it, and refuses to void or capture it.
* Stax has no 3-D Secure of its own. A merchant who acts alone says so in
  ``meta.transaction_initiation_type``.
"""

from gateways.adapters.stax.account import KIND, StaxAccount
from gateways.adapters.stax.adapter import Site, Stax, open_stax

__all__ = ["KIND", "Site", "Stax", "StaxAccount", "open_stax"]
