"""The accounts of a world, as a worker is given them: what the judge of a world need not import."""

from __future__ import annotations

from gateways.account import AccountSettings
from gateways.accounts import KINDS, read_account
from proof.places import ENVIRONMENT, Place

#: Nothing listens there: a world's line leads past every socket.
_URL = "http://127.0.0.1:9"


def settings_of(place: Place, **more: object) -> AccountSettings:
    """An account, as a configuration gives it."""
    told = {
        "gateway": place.gateway,
        "environment": ENVIRONMENT,
        "allowed_return_hosts": ["*"],
        **KINDS[place.gateway].simulated(_URL),
        **place.table,
        **more,
    }
    return read_account(place.account, told)
