"""xMoney's card payments API (formerly Twispay): a transaction in mode ``auth`` is our hold.

Read from xMoney's guides and API reference (docs.xmoney.com, 1.0, read 2026), xMoney's clients
(xMoney-Payments/xmoney-node and api-sdk, 2026) and the older Twispay pages and shop plugins. There
is no idempotency key, and the request that frees a hold refunds it once it is captured. What the
sources leave open, and the side we took, is in ``docs/gateways/xmoney.md``.
"""

from gateways.adapters.xmoney.account import KIND, XMoneyAccount
from gateways.adapters.xmoney.adapter import Site, XMoney, open_xmoney

__all__ = ["KIND", "Site", "XMoney", "XMoneyAccount", "open_xmoney"]
