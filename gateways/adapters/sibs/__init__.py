"""SIBS Payment Gateway (SPG): a card authorization (``paymentType`` AUTH) is our hold.

Read from SIBS's pages "Pre-authorized capture", "Cancellation", "Tokenization" and "Merchant
initiated transactions" (docs.pay.sibs.com), the SPG v2 pages "API-level status codes" and
"Status inquiry" (qly.docs.pay.sibs.com) and the definitions Checkout, Token, Capture and
Cancellation 1.0.0 and 2.0.0 (developer.sibsapimarket.com), all read in 2026. Nothing was tried
against SIBS's own systems. Where the pages are silent or contradict each other, the side we took
is in ``docs/gateways/sibs.md``. The three that matter most:

* There is no idempotency key. What is repeated is looked for under our reference first, and that
  look-up has to have found something that is surely there before its "none" is believed.
* The signature that a purchase is made with lives in one call of ours and nowhere else. So 3-D
  Secure is completed by SIBS and looked up by us; a set-up that wants the purchase sent a second
  time, with ``actionProcessed``, is not supported.
* The status of an authorization does not tell what became of it later.
"""

from gateways.adapters.sibs.account import KIND, SibsAccount
from gateways.adapters.sibs.adapter import Sibs, open_sibs
from gateways.adapters.sibs.line import Site

__all__ = ["KIND", "Sibs", "SibsAccount", "Site", "open_sibs"]
