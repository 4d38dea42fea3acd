"""Every gateway that we speak to, and how one of its accounts is read and opened.

A new gateway is a package under ``gateways/adapters`` and one line here
(``docs/gateways/adding-one.md``).
"""

from __future__ import annotations

from collections.abc import Mapping

from cardhold.reading import InvalidMessage, read
from gateways.account import Account, AccountSettings, Kind, World
from gateways.adapters import payroc, sibs, stax, xmoney

#: What an account's ``gateway`` may say.
KINDS: dict[str, Kind] = {
    "payroc": payroc.KIND,
    "sibs": sibs.KIND,
    "stax": stax.KIND,
    "xmoney": xmoney.KIND,
}


def read_account(name: str, table: Mapping[str, object]) -> AccountSettings:
    """Read one account's table, its secrets resolved.

    Args:
        name: The account's name, for messages.
        table: As TOML gives it.

    Raises:
        InvalidAccount: Naming the account, the field and its rule, and no value.
    """
    kind = table.get("gateway")
    if not isinstance(kind, str) or kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise InvalidAccount(name, f"gateway must be one of: {known}")
    try:
        return read(KINDS[kind].settings, table)
    except InvalidMessage as error:
        wrong = str(error)
    raise InvalidAccount(name, wrong)


def build(name: str, settings: AccountSettings, world: World | None = None) -> Account:
    """Open an account; nothing is sent before the first call.

    Args:
        name: The account's name, for messages.
        settings: As `read_account` gives them.
        world: Stands in for the network and the clock, where it is given.

    Raises:
        InvalidAccount: Its gateway is none of ours.
    """
    if settings.gateway not in KINDS:
        raise InvalidAccount(name, "gateway is not one that we speak to")
    return KINDS[settings.gateway].open(settings, world or World())


class InvalidAccount(ValueError):
    """An account that cannot be used as it is configured; one sentence, and no secret in it."""

    def __init__(self, name: str, wrong: str) -> None:
        super().__init__(f"account '{name}': {wrong}")
