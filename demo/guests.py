"""What happens when the guest's bank wants to see the guest: 3-D Secure."""

from __future__ import annotations

from datetime import timedelta

from cardhold.hold import Hold, HoldState
from demo.scenario import NotAsTold, Scene, action_of, bracketed, expect

# Where a hotel's website waits for guests that come back.
_BACK = "https://booking.hotel.example/back"
# Past the quarter of an hour that a guest has where the gateway sets no other end.
_LONGER_THAN_A_GUEST_HAS = timedelta(minutes=16)


async def confirmed(scene: Scene) -> None:
    """The guest confirms, and the hold is placed."""
    hold = await _asked(scene, 180_00, return_url=_BACK)
    scene.tell(
        f"The guest's bank wants to ask the guest first; {hold.in_doubt} are in doubt until then."
        f" The website sends the guest to {scene.house.title}'s page:"
    )
    scene.tell.address(action_of(hold).url)
    await scene.stage.guest_confirms(action_of(hold))
    action_id = action_of(hold).action_id
    hold = await scene.client.authenticated(scene.name, action_id=action_id)
    expect(hold, HoldState.AUTHORIZED)
    scene.tell(f"The guest confirms and is back: {hold.remaining} are blocked{bracketed(hold)}.")
    hold = await scene.client.capture(scene.name, command_id="checkout")
    scene.tell(f"At checkout {hold.captured} are taken.")


async def never_back(scene: Scene) -> None:
    """The guest leaves the page, and nothing is held."""
    hold = await _asked(scene, 180_00, return_url=_BACK)
    scene.tell(
        f"Another guest is asked, and {hold.in_doubt} are in doubt. The guest closes the page"
        " and is never seen again."
    )
    await scene.let_pass(_LONGER_THAN_A_GUEST_HAS)
    hold = await scene.stage.settled(scene.name)
    expect(hold, HoldState.ABANDONED)
    if hold.in_doubt.amount_minor:
        raise NotAsTold(f"{hold.in_doubt} are still in doubt")
    scene.tell(
        "A quarter of an hour later cardhold calls it off at the gateway and sees that nothing is"
        " blocked. The room is free again."
    )


async def yours(scene: Scene) -> None:
    """The guest is whoever reads the demo, and has no website to come back to."""
    hold = await _asked(scene, 60_00, return_url=None)
    command = scene.stage.update_command(scene.name, "authenticated")
    scene.tell.waiting(action_of(hold).url, command)


async def _asked(scene: Scene, amount_minor: int, *, return_url: str | None) -> Hold:
    """Start a hold of which the guest's bank asks the guest; ``return_url`` is the way back."""
    await scene.meet("authorize", "require_action")
    browser = {"ip": "127.0.0.1", "language": "en", "java_enabled": False}
    request = scene.request(
        amount_minor, return_url=return_url, browser=browser, description="booked on the website"
    )
    hold = await scene.client.start(request)
    expect(hold, HoldState.ACTION_REQUIRED)
    return hold
