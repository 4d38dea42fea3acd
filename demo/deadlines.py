"""What happens when nobody does anything: the plan acts, before the hold lapses."""

from __future__ import annotations

from datetime import timedelta

from cardhold.hold import Hold
from demo.scenario import NotAsTold, Scene

_DAY = timedelta(days=1)
# Past the deadline, which is computed to the second.
_JUST_AFTER = timedelta(minutes=1)
# How long most issuers keep a hold.
_A_HOLDS_LIFE = timedelta(days=7)


async def forgotten(scene: Scene) -> None:
    """Somebody is warned, nobody decides, and the hold is freed."""
    hold = await scene.held(200_00, description="a deposit for the meeting room")
    deadline = _deadline(hold)
    scene.tell(f"{hold.remaining} are blocked for a meeting room, and then everybody forgets them.")
    await scene.let_pass(6 * _DAY)
    hold = await scene.client.hold(scene.name)
    if hold.attention is None:
        raise NotAsTold("nobody was warned before the deadline")
    scene.tell(f"Six days pass. cardhold asks for a decision: {hold.attention.detail}.")
    await scene.let_pass(deadline - 6 * _DAY + _JUST_AFTER)
    hold = await scene.stage.settled(scene.name)
    scene.tell(
        f"Nobody decides. Half a day before the bank's own time is up, {hold.released} go back:"
        " without an instruction nothing is ever charged."
    )
    await scene.stage.let_pass_at_the_bank(_A_HOLDS_LIFE - deadline)
    scene.stage.back_to_today()


async def no_show(scene: Scene) -> None:
    """The plan takes a fee and frees the rest."""
    plan = {"on_deadline": "capture", "deadline_amount": scene.money(120_00)}
    hold = await scene.held(300_00, description="two nights, no-show fee one night", **plan)
    deadline = _deadline(hold)
    scene.tell(
        f"{hold.remaining} are blocked. The booking says: if the guest never comes, the hotel"
        f" takes {hold.deadline_amount} and frees the rest."
    )
    await scene.let_pass(deadline + _JUST_AFTER)
    hold = await scene.stage.settled(scene.name)
    scene.tell(f"Six days and a half later it does: {hold.captured} taken, {hold.released} freed.")
    await scene.stage.let_pass_at_the_bank(_A_HOLDS_LIFE - deadline)
    scene.stage.back_to_today()
    scene.tell("Day seven: the bank would have dropped the hold now. There is none left to drop.")


def _deadline(hold: Hold) -> timedelta:
    """How long after its start the plan acts."""
    if hold.deadline is None:
        raise NotAsTold("the hold has no deadline")
    return hold.deadline - hold.created_at
