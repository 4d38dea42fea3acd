"""What company a reservation has at its gateway, and how that gateway behaves: drawn for a plan."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from proof.coincidences import Mishap

# How many other bookings the account has meanwhile; now and then they fill more than a page of a
# list, or more pages than are looked through where a key guards what is sent.
_STRANGERS = (0, 0, 0, 0, 0, 1, 1, 2)
_PAGES, _PAGES_SHARE = (27, 27, 110), 0.02
# A gateway whose list cannot be asked for one reference alone is looked through page after page.
_PAGES_SHARE_AT = {"stax": 0.08}
# Where a gateway's documents contradict each other or say nothing, it does now this and now that.
_RULED = 0.25
# Published windows are of half a minute to a day.
_DUPLICATES_S = (0.0, 0.0, 0.0, 0.0, 300.0, 86400.0)
# Keys are to be relied on for half of what is promised (Payroc), or set (Stax), and no longer.
_HALF_A_PAYROC_KEY_S, _HALF_A_STAX_KEY_S = 3.5 * 86400, 1800
_ADOPTS_SHARE, _ABROAD_SHARE = 0.06, 0.02
_ELSEWHERE = (*["open"] * 6, "more", "captured", "freed", "unknown")
# Accounts at which a hold may be of any currency, and whose own has two digits.
_TAKES_MANY = frozenset({"payroc", "sibs", "xmoney"})
_RULES: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "payroc": {
        "batch_close_at": ("02:00",),
        "capture_margin_percent": (15,),
        "keeps_errors": (True,),
        "keeps_keys_for": (_HALF_A_PAYROC_KEY_S,),
    },
    "sibs": {"status_shows_action": (False,)},
    "xmoney": {"declines_are_402": (True,), "lists_after": (20, 60, 100)},
    "stax": {
        "capture_knows_ids": (True,),
        "capture_shows_child": (True,),
        "batch_close_at": ("00:30", "12:00"),
        "keeps_keys_for": (_HALF_A_STAX_KEY_S,),
    },
}


def strangers(
    dice: random.Random, gateway: str, weather: tuple[str, ...]
) -> tuple[tuple[float, str], ...]:
    """When others place a hold of the same amount, and what becomes of it."""
    is_busy = dice.random() < _PAGES_SHARE_AT.get(gateway, _PAGES_SHARE)
    count = dice.choice(_PAGES if is_busy else _STRANGERS)
    # One at least, where a look may be answered with another guest's payment.
    count = max(count, int("misrouted" in weather))
    # Before the run, or while it authorizes.
    return tuple(
        (
            dice.choice((0.0, 1.0, 30.0, 300.0)) * dice.random(),
            dice.choice(("held", "captured", "freed")),
        )
        for _ in range(count)
    )


def taken_for_ours(mishaps: Sequence[Mishap]) -> tuple[tuple[float, str], ...]:
    """Those whose payment is shown for ours, where that is to happen; they come last."""
    return tuple((at, "held") for at, _, name in mishaps if name == "misrouted")


def rules_of(dice: random.Random, gateway: str) -> Mapping[str, object]:
    """What the gateway does where its documents leave a choice."""
    known = _RULES[gateway]
    return {name: dice.choice(those) for name, those in known.items() if dice.random() < _RULED}


def duplicates(dice: random.Random) -> float:
    """For how long a hold makes another one like it a duplicate; mostly nobody minds."""
    return dice.choice(_DUPLICATES_S)


def adopts(dice: random.Random, account: str, seed: int) -> str:
    """How a hold stands that was made elsewhere and is to be taken over; mostly there is none.

    One of another amount is in every other seed one of another currency, where that can be.
    """
    drawn = dice.choice(_ELSEWHERE) if dice.random() < _ADOPTS_SHARE else ""
    is_abroad = (drawn == "more" and seed % 2 == 1) or dice.random() < _ABROAD_SHARE
    return "abroad" if is_abroad and account in _TAKES_MANY else drawn
