"""Every verb in every situation, recorded over real HTTP, to be played again with changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from cardhold.messages import PaymentMethod
from domain.outcome import ActionRequired, Approved, Declined, Payment
from gateways.port import Named
from tests.conformance.acts import HELD, WAYS, Act, money, placing
from tests.conformance.desk import Desk, Verb, doing, ending, looking
from tests.conformance.gateways import UNDERS, Under
from tests.conformance.rules import Recorded

#: What is asked in a situation, and the id of the payment that it is about, if that is known.
Setting = Callable[[Desk], Awaitable[tuple[Verb, str | None]]]


@dataclass(frozen=True)
class Scene:
    """A verb in a situation.

    Attributes:
        ends: What it ends in when nothing is changed.
    """

    name: str
    setting: Setting
    ends: type[Approved | Declined | ActionRequired | Payment | None]

    def __str__(self) -> str:
        return self.name

    async def recorded(self, desk: Desk) -> Recorded:
        """Play it once against the simulator, and keep all of it."""
        verb, known_id = await self.setting(desk)
        account, tap = desk.tapped()
        ended = await ending(verb, account)
        assert isinstance(ended, self.ends), ended
        settings = desk.under.settings(desk.simulator.url)
        return Recorded(desk.under, verb, known_id, settings, tap.heard, ended)


def _doing(act: Act) -> Setting:
    async def setting(desk: Desk) -> tuple[Verb, str | None]:
        named = (await desk.ask(act)).named
        return doing(named), named.call.payment_id

    return setting


def _found(act: Act) -> Setting:
    async def setting(desk: Desk) -> tuple[Verb, str | None]:
        named = (await desk.ask(act)).named
        await desk.approved(named)
        return looking(named), named.call.payment_id

    return setting


def _not_found(act: Act) -> Setting:
    async def setting(desk: Desk) -> tuple[Verb, str | None]:
        named = (await desk.ask(act)).named
        return looking(named), named.call.payment_id

    return setting


async def _by_id(desk: Desk) -> tuple[Verb, str | None]:
    named = placing(desk.under)
    payment_id = await desk.held(named)
    return looking(_knowing(named, payment_id)), payment_id


async def _adopted(desk: Desk) -> tuple[Verb, str | None]:
    payment_id = await desk.held()
    told = {"kind": "existing_hold", "token": payment_id}
    method = PaymentMethod.model_validate(told)
    return looking(placing(desk.under, method=method)), payment_id


async def _declined(desk: Desk) -> tuple[Verb, str | None]:
    amount = money(desk.under, desk.under.declined_minor or HELD)
    return doing(placing(desk.under, amount, method=desk.under.declined)), None


async def _challenged(desk: Desk) -> tuple[Verb, str | None]:
    return doing(placing(desk.under, method=desk.under.challenged)), None


def _knowing(named: Named, payment_id: str) -> Named:
    return replace(named, call=named.call.model_copy(update={"payment_id": payment_id}))


_OF_ANOTHERS_SHAPE = frozenset({
    "raise", "capture all", "capture and go on", "capture the rest", "release the rest",
    "look up raise", "look up capture all", "look up capture and go on", "look up capture the rest",
    "look up release the rest", "look up elsewhere's",
})  # fmt: skip


def _scenes(under: Under) -> list[Scene]:
    acts = [act for each, act in WAYS if each is under]
    later = [act for act in acts if act.kind != "authorize"]
    return [
        *(Scene(act.name, _doing(act), Approved) for act in acts),
        *(Scene(f"look up {act}", _found(act), Payment) for act in acts),
        *(Scene(f"look up {act} unsent", _not_found(act), Payment) for act in later),
        Scene("look up by id", _by_id, Payment),
        Scene("look up elsewhere's", _adopted, Payment),
        Scene("decline", _declined, Declined),
        *([Scene("ask the guest", _challenged, ActionRequired)] if under.challenged else []),
    ]


#: Every account with every scene that it can play.
SCENES = [(under, scene) for under in UNDERS for scene in _scenes(under)]
# What an account with something special is asked and answered as any other of its gateway is.
_PLAIN = frozenset((under.name, scene.name) for under, scene in SCENES if not under.about)
#: One scene for each shape of what is asked and answered, for what tries thousands of answers.
SHAPES = [
    (under, scene)
    for under, scene in SCENES
    if not (
        scene.name in _OF_ANOTHERS_SHAPE
        or "unsent" in scene.name
        or (under.about and (under.name, scene.name) in _PLAIN)
    )
]
