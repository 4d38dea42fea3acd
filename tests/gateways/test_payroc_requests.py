"""What leaves for Payroc: bodies, keys, paths, and the bearer tokens in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import httpx
import pytest

from domain.outcome import Approved
from gateways.errors import GatewayError, NotSent, Refused, Throttled, Unauthorized
from tests.gateways.calls import (
    SINGLE_USE_TOKEN,
    STORED_TOKEN,
    authorize,
    existing,
    follow_up,
    named,
    single_use,
)
from tests.gateways.payroc_site import (
    API_KEY,
    BASE,
    BEARER,
    PAYMENT_ID,
    TERMINAL,
    granted,
    payment,
    payroc,
    problem,
)


class Seen:
    """Answers well, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answers.pop(0) if self._answers else httpx.Response(200, json=payment())

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.requests[-1].content)


async def authorized(call: object = None, **more: Any) -> Seen:
    seen = Seen(httpx.Response(201, json=payment()))
    await payroc(seen).authorize(call or authorize(**more))  # type: ignore[arg-type] - a Named
    return seen


async def test_a_hold_is_asked_for_as_a_hold_and_never_as_a_sale() -> None:
    seen = await authorized(
        operator="desk", description="one night", metadata={"room": "12", "empty": ""}
    )
    assert seen.body == {
        "channel": "web",
        "processingTerminalId": TERMINAL,
        "operator": "desk",
        "order": {
            "orderId": authorize().reference,
            "amount": 100_00,
            "currency": "USD",
            "description": "one night",
            "acceptPartialAmount": False,
        },
        "paymentMethod": {"type": "secureToken", "token": STORED_TOKEN},
        "autoCapture": False,
        "processAsSale": False,
        "customFields": [{"name": "room", "value": "12"}],
    }
    assert len(seen.body["order"]["orderId"]) <= 24


async def test_a_token_for_one_use_is_sent_as_one() -> None:
    seen = await authorized(payment_method=single_use())
    assert seen.body["paymentMethod"] == {"type": "singleUseToken", "token": SINGLE_USE_TOKEN}


async def test_a_merchant_who_acts_alone_says_so() -> None:
    seen = await authorized(initiator="merchant")
    assert seen.body["credentialOnFile"] == {"externalVault": False, "mitAgreement": "unscheduled"}
    assert seen.body["order"]["standingInstructions"] == {
        "sequence": "subsequent",
        "processingModel": "unscheduled",
    }


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        (
            "adjust",
            "adjust",
            {"adjustments": [{"type": "order", "amount": 90_00}], "operator": "desk"},
        ),
        ("capture", "capture", {"amount": 90_00, "operator": "desk"}),
        ("release", "reverse", {"operator": "desk"}),
    ],
)
async def test_later_calls_name_the_amount_where_leaving_it_out_means_all(
    verb: str, path: str, body: dict[str, Any]
) -> None:
    seen = Seen()
    call = follow_up(verb, 90_00, payment_id=PAYMENT_ID, operator="desk")
    with contextlib.suppress(GatewayError):  # the answer is of no interest here
        await getattr(payroc(seen), verb)(call)
    assert str(seen.requests[0].url) == f"{BASE}/payments/{PAYMENT_ID}/{path}"
    assert seen.body == body
    assert seen.requests[0].headers["idempotency-key"] == call.key


async def test_a_call_repeated_is_the_same_bytes() -> None:
    call = authorize(metadata={"b": "2", "a": "1"}, description="é")
    first, second = await authorized(call), await authorized(call)
    assert first.requests[0].content == second.requests[0].content
    assert first.requests[0].headers["idempotency-key"] == call.key


async def test_a_payment_id_stays_one_part_of_the_path() -> None:
    seen = Seen()
    with pytest.raises(GatewayError):
        await payroc(seen).look_up(named("capture", payment_id="../a b?c=d#e/ü"))
    assert seen.requests[0].url.raw_path == b"/v1/payments/..%2Fa%20b%3Fc%3Dd%23e%2F%C3%BC"


@pytest.mark.parametrize("payment_id", ["", ".", "..", "..."])
async def test_a_payment_id_of_dots_is_refused_here(payment_id: str) -> None:
    seen = Seen()
    with pytest.raises(Refused):
        await payroc(seen).capture(named("capture", payment_id=payment_id))
    assert seen.requests == []


@pytest.mark.parametrize("method", [None, existing("M2MJOG6O2Y")])
async def test_what_is_no_token_is_refused_here(method: object) -> None:
    seen = Seen()
    with pytest.raises(Refused):
        await payroc(seen).authorize(authorize(payment_method=method))
    assert seen.requests == []


async def test_a_look_up_by_reference_asks_for_order_and_terminal_and_follows_the_links() -> None:
    link = {"rel": "next", "method": "get", "href": f"{BASE}/payments?limit=100&after=E29U8OU8Q4"}
    first = {"limit": 100, "count": 0, "hasMore": True, "data": [], "links": [link]}
    second = {"limit": 100, "count": 1, "hasMore": False, "data": [payment()], "links": []}
    seen = Seen(httpx.Response(200, json=first), httpx.Response(200, json=second))

    found = await payroc(seen).look_up(authorize())

    assert found is not None
    assert dict(seen.requests[0].url.params) == {
        "orderId": authorize().reference,
        "processingTerminalId": TERMINAL,
        "limit": "100",
    }
    assert str(seen.requests[1].url) == link["href"]
    assert "idempotency-key" not in seen.requests[1].headers


async def test_one_token_serves_all_who_wait_for_it() -> None:
    asked: list[httpx.Request] = []

    async def identity(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        await asyncio.sleep(0.01)
        return granted()

    seen = Seen()
    adapter = payroc(seen, identity=identity)
    look = follow_up("capture", 1, payment_id=PAYMENT_ID)
    await asyncio.gather(*(adapter.look_up(look) for _ in range(10)))

    assert [request.headers["x-api-key"] for request in asked] == [API_KEY]
    assert (asked[0].method, asked[0].url.path, asked[0].content) == ("POST", "/authorize", b"")
    assert {request.headers["authorization"] for request in seen.requests} == {f"Bearer {BEARER}"}


async def test_one_who_goes_takes_nobodys_token_away() -> None:
    gate = asyncio.Event()

    async def identity(_: httpx.Request) -> httpx.Response:
        await gate.wait()
        return granted()

    adapter = payroc(Seen(), identity=identity)
    look = follow_up("capture", 1, payment_id=PAYMENT_ID)
    goes, stays = (asyncio.create_task(adapter.look_up(look)) for _ in range(2))
    await asyncio.sleep(0)
    goes.cancel()
    await asyncio.wait({goes})
    gate.set()
    assert (await stays) is not None


async def test_a_token_is_renewed_beside_the_work_before_it_ends() -> None:
    tokens = iter(["first", "second"])
    seen = Seen()
    # A token that lives one second counts as old when nine tenths of it are over.
    adapter = payroc(seen, identity=lambda _: granted(next(tokens), expires_in=1))
    look = follow_up("capture", 1, payment_id=PAYMENT_ID)
    await adapter.look_up(look)
    await asyncio.sleep(0.92)
    await adapter.look_up(look)
    await asyncio.sleep(0.02)
    await adapter.look_up(look)
    sent = [request.headers["authorization"] for request in seen.requests]
    assert sent == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_refused_token_is_renewed_once_and_the_call_sent_again_under_its_key() -> None:
    tokens = iter(["stale", "fresh"])
    seen = Seen(problem(401, "not-authorized"), httpx.Response(201, json=payment()))
    outcome = await payroc(seen, identity=lambda _: granted(next(tokens))).authorize(authorize())

    assert isinstance(outcome, Approved)
    assert [r.headers["authorization"] for r in seen.requests] == ["Bearer stale", "Bearer fresh"]
    assert len({r.headers["idempotency-key"] for r in seen.requests}) == 1
    assert len({r.content for r in seen.requests}) == 1


async def test_a_second_refusal_is_for_a_person_to_mend() -> None:
    seen = Seen(*(problem(401, "not-authorized") for _ in range(3)))
    with pytest.raises(Unauthorized):
        await payroc(seen).authorize(authorize())
    assert len(seen.requests) == 2


async def test_many_refused_at_once_share_one_renewal() -> None:
    issued = 0

    def identity(_: httpx.Request) -> httpx.Response:
        nonlocal issued
        issued += 1
        return granted(f"token-{issued}")

    def api(request: httpx.Request) -> httpx.Response:
        good = request.headers["authorization"] != "Bearer token-1"
        return httpx.Response(200, json=payment()) if good else problem(401, "not-authorized")

    adapter = payroc(api, identity=identity)
    look = follow_up("capture", 1, payment_id=PAYMENT_ID)
    await asyncio.gather(*(adapter.look_up(look) for _ in range(8)))
    assert issued == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401, text="?"), Unauthorized),
        (httpx.Response(403, text="?"), Unauthorized),
        (httpx.Response(429, headers={"retry-after": "3"}), Throttled),
        (httpx.Response(500, text="?"), NotSent),
        (httpx.Response(302, headers={"location": "https://evil.example"}), NotSent),
        (httpx.Response(200, text="<html>"), NotSent),
        (httpx.Response(200, text='{"access_token":'), NotSent),
        (
            httpx.Response(
                200, json={"access_token": "a\nb", "expires_in": 9, "token_type": "Bearer"}
            ),
            NotSent,
        ),
        (
            httpx.Response(
                200, json={"access_token": "a", "expires_in": 0, "token_type": "Bearer"}
            ),
            NotSent,
        ),
        (
            httpx.Response(200, json={"access_token": "a", "expires_in": 9, "token_type": "MAC"}),
            NotSent,
        ),
        (httpx.ReadTimeout("s3cret"), NotSent),
        (httpx.ConnectError("s3cret"), NotSent),
    ],
)
async def test_without_a_token_no_call_has_left(
    answer: httpx.Response | Exception, error: type[GatewayError]
) -> None:
    def identity(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    seen = Seen()
    with pytest.raises(error):
        await payroc(seen, identity=identity).authorize(authorize())
    assert seen.requests == []


async def test_an_identity_service_that_hangs_costs_no_more_than_the_calls_time() -> None:
    async def identity(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    adapter = payroc(Seen(), identity=identity, call_s_max=0.1)
    with pytest.raises(NotSent):
        await adapter.authorize(authorize())
    await adapter.close()
