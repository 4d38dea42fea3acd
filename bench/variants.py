"""The floor's workflow over cardhold's own activities: what their checks and models cost."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from bench.floor import Json
from cardhold.hold import OperationKind
from cardhold.messages import PaymentMethod
from cardhold.money import Money
from domain.calls import Call, Settled

_CALL = timedelta(seconds=25)
_DEADLINE = timedelta(days=6, hours=12)


@workflow.defn(name="FloorWithGateway")
class FloorWithGateway:
    """Authorizes, waits for one instruction, captures; each call as cardhold makes it."""

    @workflow.init
    def __init__(self, *_: object) -> None:
        self._held: Settled | None = None
        self._captured: Settled | None = None
        self._asked = False

    @workflow.run
    async def run(self, *_: object) -> Json:
        """Hold the money, and take it when somebody says so or the deadline comes."""
        self._held = await self._call(OperationKind.AUTHORIZE)
        try:
            await workflow.wait_condition(lambda: self._asked, timeout=_DEADLINE)
        except TimeoutError:
            self._asked = True
        self._captured = await self._call(OperationKind.CAPTURE)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return {"state": "captured"}

    @workflow.update
    async def authorized(self, *_: object) -> Json:
        """Answer once the money is held."""
        await workflow.wait_condition(lambda: self._held is not None)
        return {"state": "authorized"}

    @workflow.update
    async def capture(self, *_: object) -> Json:
        """Answer once the money is taken."""
        self._asked = True
        await workflow.wait_condition(lambda: self._captured is not None)
        return {"state": "captured"}

    async def _call(self, kind: OperationKind) -> Settled:
        amount = Money(amount_minor=10_000, currency="USD")
        payment = self._held.payment if self._held else None
        method = {"kind": "stored_token", "token": "2967530000000000001"}
        call = Call(
            account="payroc",
            workflow_id=workflow.info().workflow_id,
            kind=kind,
            command_id="bench",
            amount=amount,
            held=amount,
            captured=Money(amount_minor=0, currency="USD"),
            payment_id=payment.payment_id if payment else None,
            payment_method=None if payment else PaymentMethod.model_validate(method),
        )
        return await workflow.execute_activity(
            kind, call, result_type=Settled, start_to_close_timeout=_CALL
        )
