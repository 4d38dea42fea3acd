"""What happens between check-in and checkout, and what a bank or a line may do to it."""

from __future__ import annotations

from cardhold.errors import CardholdError, IllegalMove, InvalidRequest, NotSupported
from cardhold.hold import Hold, HoldState, OperationKind
from demo.scenario import (
    NotAsTold,
    Scene,
    another_guests_card,
    bracketed,
    card_of,
    expect,
    reason_of,
    second_card,
)


async def dinner(scene: Scene) -> None:
    """The hold is raised, and all of it taken."""
    hold = await _checked_in(scene)
    hold = await scene.client.adjust(
        scene.name, by=f"+{scene.money(50_00)}", command_id="dinner", operator="restaurant"
    )
    scene.tell(
        f"Dinner is {scene.money(50_00)}: the same hold is raised, and {hold.remaining} are"
        " blocked now."
    )
    hold = await scene.client.capture(scene.name, command_id="checkout", operator="front desk")
    rest = f"{hold.remaining} stay" if hold.remaining.amount_minor else "nothing stays"
    scene.tell(f"At checkout {hold.captured} are taken; {rest} blocked.")


async def dinner_elsewhere(scene: Scene) -> None:
    """A hold that the gateway cannot raise stands as it was."""
    await _checked_in(scene)
    try:
        await scene.client.adjust(scene.name, by=f"+{scene.money(50_00)}", command_id="dinner")
    except NotSupported as refused:
        why = str(refused)
    else:
        raise NotAsTold("a hold was raised that cannot be")
    scene.tell(
        f"Dinner is {scene.money(50_00)}, and {scene.house.title} can't add it to a hold. Nothing"
        f" is sent; whoever asks is told at once: {why}."
    )
    hold = await scene.client.capture(scene.name, command_id="checkout")
    scene.tell(f"At checkout {hold.captured} are taken. The dinner is paid at the table.")


async def smaller_bill(scene: Scene) -> None:
    """A part is taken, and the rest freed."""
    example = scene.house.example
    description = "the gateway's published test case" if example.part else "one night, room 3"
    hold = await scene.held(example.held_minor, description=description)
    scene.tell(f"{hold.remaining} are blocked{example.part}.")
    hold = await scene.client.capture(
        scene.name, scene.money(example.taken_minor), command_id="checkout"
    )
    scene.tell(
        f"The bill is smaller: {hold.captured} are taken, {hold.released} go back to the guest."
    )


async def by_hand(scene: Scene) -> None:
    """Everything is taken by a signal that a person types."""
    example = scene.house.example
    hold = await scene.held(example.whole_minor, description="a spa day")
    scene.tell(
        f"{hold.remaining} are blocked{example.whole}. The bill is settled by hand, with"
        " Temporal's own tool:"
    )
    command = scene.stage.signal_command(scene.name, "capture")
    scene.tell.command(command)
    await scene.stage.typed(command)
    hold = await scene.stage.settled(scene.name)
    scene.tell(f"{hold.captured} are taken; no program of the hotel's was needed.")


async def another_card(scene: Scene) -> None:
    """The first card is declined, the second one pays."""
    await scene.meet("authorize", "decline")
    hold = await scene.client.start(scene.request(90_00, description="a walk-in guest"))
    expect(hold, HoldState.DECLINED)
    scene.tell(f"The guest's bank says no: {reason_of(hold)}. Nothing is blocked.")
    hold = await scene.client.authorize(scene.name, second_card(), command_id="second-card")
    expect(hold, HoldState.AUTHORIZED)
    scene.tell(f"The guest offers another card{bracketed(hold)}: {hold.remaining} are blocked.")
    hold = await scene.client.capture(scene.name, command_id="checkout")
    scene.tell(f"At checkout {hold.captured} are taken, from the second card alone.")


async def hosted_page(scene: Scene) -> None:
    """A hold that was placed elsewhere is adopted."""
    payment_id = await scene.stage.hosted_page(
        scene.request(240_00, payment_method=another_guests_card())
    )
    scene.tell(
        f"A guest has left a deposit on the website: {scene.house.title}'s hosted page blocked"
        f" {scene.money(240_00)}, and gave the hotel nothing but the payment's number,"
        f" {payment_id}."
    )
    made = {"kind": "existing_hold", "token": payment_id}
    hold = await scene.held(240_00, payment_method=made)
    scene.tell(
        f"cardhold looks it up and keeps it from now on: {hold.remaining}, on {card_of(hold)}."
    )
    hold = await scene.client.capture(scene.name, command_id="arrival")
    scene.tell(f"On arrival {hold.captured} are taken. Nothing was blocked a second time.")


async def lost_answer(scene: Scene) -> None:
    """A capture whose answer is lost is done once."""
    hold = await scene.held(110_00, description="one night, room 7")
    scene.tell(
        f"{hold.remaining} are blocked. At checkout the line to the bank breaks: the money is"
        " taken, and the answer that says so is lost."
    )
    await scene.meet("capture", "drop_after")
    hold = await scene.client.capture(scene.name, command_id="checkout")
    knows_names = OperationKind.CAPTURE in scene.house.can.idempotent
    asks = "asks again under the same name" if knows_names else "sends nothing again, looks it up"
    scene.tell(
        f"cardhold {asks} and learns what happened: {hold.captured} are"
        " taken. The bank's books below show that it was done once."
    )


async def in_parts(scene: Scene) -> None:
    """One hold is captured three times, up to its total and no further."""
    hold = await scene.held(300_00, description="three nights")
    scene.tell(f"{hold.remaining} are blocked for three nights, to be paid night by night.")
    for night in ("first", "second"):
        hold = await scene.client.capture(
            scene.name, scene.money(110_00), final=False, command_id=f"{night}-night"
        )
        scene.tell(
            f"The {night} night: {scene.money(110_00)} are taken, {hold.remaining} stay blocked."
        )
    why = await _refused_above(scene, hold)
    scene.tell(f"Somebody asks for {scene.money(110_00)} once more, and is told: {why}.")
    hold = await scene.client.capture(scene.name, command_id="third-night")
    scene.tell(f"The third night takes what is left: {hold.captured} in all.")


async def cheaper_room(scene: Scene) -> None:
    """A hold is lowered, and what is left of it taken."""
    hold = await scene.held(200_00, description="two nights, a suite")
    scene.tell(f"{hold.remaining} are blocked for a suite.")
    hold = await scene.client.adjust(scene.name, amount=scene.money(150_00), command_id="move")
    scene.tell(
        f"The guest takes a smaller room: a part of the hold is freed, and {hold.remaining} stay"
        " blocked."
    )
    hold = await scene.client.capture(scene.name, command_id="checkout")
    scene.tell(f"At checkout {hold.captured} are taken.")


async def _checked_in(scene: Scene) -> Hold:
    hold = await scene.held(100_00, description="one night, room 12")
    scene.tell(
        f"At check-in the hotel blocks {hold.remaining} on the guest's card{bracketed(hold)}."
    )
    return hold


async def _refused_above(scene: Scene, hold: Hold) -> str:
    """Why more than what remains cannot be taken."""
    try:
        await scene.client.capture(
            scene.name, scene.money(110_00), final=False, command_id="too-much"
        )
    except (InvalidRequest, IllegalMove, NotSupported) as refused:
        return str(refused)
    except CardholdError as error:
        raise NotAsTold(f"a capture above {hold.remaining} ended otherwise: {error}") from error
    raise NotAsTold(f"more than {hold.remaining} were taken")
