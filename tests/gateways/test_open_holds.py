"""What an account shows as held, page by page: the requests, and what of the answers is a hold.

The adapter's whole way is walked, from the verb to the wire; a list stands in for the network.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.findings import OpenHold
from gateways.account import Account
from gateways.accounts import KINDS, build, read_account
from gateways.errors import GatewayError, Refused, Throttled, Undecided
from tests.gateways import payroc_site, stax_site, xmoney_site
from tests.gateways.calls import authorize, usd
from tests.gateways.xmoney_site import Line, Met

UNTIL = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=32)
REFERENCE = authorize().reference


async def holds(
    account: Account, page: str | None = None
) -> tuple[tuple[OpenHold, ...], str | None]:
    listed = await account.open_holds(SINCE, UNTIL, page)
    return listed.holds, listed.next_page


def payrocs(*shown: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    links = [{"rel": "next", "method": "get", "href": following}] if following else []
    return {"data": list(shown), "hasMore": following is not None, "links": links}


async def test_payroc_is_asked_for_what_is_pending_at_this_terminal() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json=payrocs(payroc_site.payment()))

    found, following = await holds(payroc_site.payroc(answer))

    assert dict(asked[0].params) == {
        "processingTerminalId": payroc_site.TERMINAL,
        "status": "pending",
        "dateFrom": "2026-02-06T12:00:00Z",
        "dateTo": "2026-03-10T12:00:00Z",
        "limit": "100",
    }
    assert following is None
    assert found == (
        OpenHold(
            payment_id=payroc_site.PAYMENT_ID,
            reference=REFERENCE,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC),
        ),
    )


async def test_payrocs_next_page_is_where_its_link_leads() -> None:
    following = f"{payroc_site.BASE}/payments?after=M2MJOG6O2Y"
    account = payroc_site.answering(200, payrocs(payroc_site.payment(), following=following))
    _, page = await holds(account)
    assert page == "/payments?after=M2MJOG6O2Y"


@pytest.mark.parametrize(
    "following",
    ["https://elsewhere.example/v1/payments?after=1", f"{payroc_site.BASE}/refunds?a=1"],
)
async def test_payrocs_link_to_elsewhere_is_not_followed(following: str) -> None:
    account = payroc_site.answering(200, payrocs(following=following))
    with pytest.raises(Undecided):
        await holds(account)


@pytest.mark.parametrize("status", ["ready", "complete", "reversal", "expired", "admin"])
async def test_what_payroc_lists_beside_the_filter_is_no_hold(status: str) -> None:
    account = payroc_site.answering(200, payrocs(payroc_site.payment(status=status)))
    assert await holds(account) == ((), None)


async def test_a_payroc_hold_whose_last_operation_was_declined_is_still_held() -> None:
    declined = payroc_site.payment(responseCode="D")
    found, _ = await holds(payroc_site.answering(200, payrocs(declined)))
    assert [held.left for held in found] == [usd(100_00)]


async def test_stax_is_asked_for_authorizations_newest_first() -> None:
    seen = stax_site.Seen(
        stax_site.answer(200, stax_site.page(stax_site.transaction(), number=2, last=3))
    )
    found, following = await holds(stax_site.stax(seen), "2")

    assert dict(seen.requests[0].url.params) == {
        "page": "2",
        "per_page": "25",
        "sort": "created_at",
        "order": "DESC",
        "type": "pre_auth",
        "success": "1",
        "startDate": "2026-02-05 00:00:00",
        "start_date": "2026-02-05",
    }
    assert following == "3"
    assert found == (
        OpenHold(
            payment_id=stax_site.HOLD_ID,
            reference=REFERENCE,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    "shown",
    [
        stax_site.voided(),
        stax_site.held_with(stax_site.capture()),
        stax_site.transaction(success=False),
        stax_site.transaction(success=None),
        stax_site.transaction(type="charge"),
    ],
)
async def test_what_stax_lists_and_does_not_hold_is_no_hold(shown: dict[str, Any]) -> None:
    account = stax_site.answering(200, stax_site.page(shown))
    assert await holds(account) == ((), None)


async def test_a_stax_hold_that_keeps_its_rest_is_open_for_it() -> None:
    shown = stax_site.held_with(stax_site.capture(80))
    account = stax_site.answering(200, stax_site.page(shown), keeps_rest=True)
    [held], _ = await holds(account)
    assert (held.authorized, held.captured, held.left) == (usd(100_00), usd(80_00), usd(20_00))


async def test_stax_captures_that_a_list_does_not_show_whole_are_read() -> None:
    partial = stax_site.held_with({"id": stax_site.CAPTURE_ID})
    seen = stax_site.Seen(
        stax_site.answer(200, stax_site.page(partial)),
        stax_site.answer(200, stax_site.capture(80)),
    )
    [held], _ = await holds(stax_site.stax(seen, keeps_rest=True))
    assert held.left == usd(20_00)


async def test_another_page_of_stax_than_was_asked_for_is_no_page() -> None:
    account = stax_site.answering(200, stax_site.page(number=1, last=3))
    with pytest.raises(Undecided):
        await holds(account, "2")


async def test_xmoney_is_asked_for_what_is_in_progress_and_its_order_for_the_name() -> None:
    line = Line(xmoney_site.page(xmoney_site.transaction()), xmoney_site.ok(xmoney_site.order()))
    found, following = await holds(xmoney_site.xmoney(line))

    assert dict(line.requests[0].url.params) == {
        "transactionStatus[]": "in-progress",
        "createdAtFrom": "2026-02-06T12:00:00Z",
        "createdAtTo": "2026-03-10T12:00:00Z",
        "page": "1",
        "perPage": "20",
    }
    assert line.asked[1:] == ["GET /order/301"]
    assert following is None
    assert found == (
        OpenHold(
            payment_id=xmoney_site.PAYMENT_ID,
            reference=REFERENCE,
            authorized=usd(100_00),
            captured=usd(0),
            booked_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        ),
    )


async def test_xmoneys_list_with_the_name_in_it_asks_for_nothing_more() -> None:
    shown = xmoney_site.transaction(externalOrderId="their-own")
    line = Line(xmoney_site.page(shown))
    [held], _ = await holds(xmoney_site.xmoney(line))
    assert held.reference == "their-own"
    assert line.is_used_up


async def test_an_xmoney_order_without_a_name_is_somebody_elses() -> None:
    unnamed = xmoney_site.ok(xmoney_site.order(externalOrderId=None))
    account = xmoney_site.meeting(xmoney_site.page(xmoney_site.transaction()), unnamed)
    [held], _ = await holds(account)
    assert held.reference is None


@pytest.mark.parametrize("status", ["complete-ok", "void-ok", "3d-pending", "uncertain"])
async def test_what_xmoney_lists_beside_the_filter_is_no_hold(status: str) -> None:
    account = xmoney_site.meeting(xmoney_site.page(xmoney_site.transaction(status)))
    assert await holds(account) == ((), None)


async def test_xmoneys_pages_go_on_while_their_number_stays() -> None:
    shown = xmoney_site.transaction(externalOrderId=REFERENCE)
    first = await holds(xmoney_site.meeting(xmoney_site.page(shown, total=41)))
    second = await holds(xmoney_site.meeting(xmoney_site.page(shown, total=41)), first[1])
    third = await holds(xmoney_site.meeting(xmoney_site.page(shown, total=41)), second[1])
    assert (first[1], second[1], third[1]) == ("2/41", "3/41", None)


async def test_an_xmoney_list_that_changes_while_it_is_read_is_no_list() -> None:
    account = xmoney_site.meeting(xmoney_site.page(total=40))
    with pytest.raises(Undecided, match="changed while it was read"):
        await holds(account, "2/41")


async def test_an_xmoney_answer_of_another_order_names_nothing() -> None:
    other = xmoney_site.ok(xmoney_site.order(id=302))
    with pytest.raises(Undecided):
        await holds(xmoney_site.meeting(xmoney_site.page(xmoney_site.transaction()), other))


FAILING: dict[str, tuple[Met, type[GatewayError]]] = {
    "busy": (httpx.Response(429, json={}, headers={"retry-after": "7"}), Throttled),
    "broken": (httpx.Response(500, json={}), Undecided),
    "another shape": (httpx.Response(200, json={"data": "nothing"}), GatewayError),
    "cut off": (httpx.Response(200, content=b'{"data": ['), GatewayError),
    "no word on more": (httpx.Response(200, json={"code": 200, "data": []}), GatewayError),
}


def meeting(gateway: str, met: Met) -> Account:
    assert isinstance(met, httpx.Response)
    match gateway:
        case "payroc":
            return payroc_site.payroc(lambda _: met)
        case "stax":
            return stax_site.stax(lambda _: met)
        case _:
            return xmoney_site.meeting(met)


@pytest.mark.parametrize("gateway", [name for name, kind in KINDS.items() if kind.profile.lists])
@pytest.mark.parametrize("failing", FAILING)
async def test_a_page_that_failed_is_an_error_and_never_an_empty_page(
    gateway: str, failing: str
) -> None:
    met, error = FAILING[failing]
    with pytest.raises(error):
        await holds(meeting(gateway, met))


@pytest.mark.parametrize(
    "gateway", [name for name, kind in KINDS.items() if not kind.profile.lists]
)
async def test_a_gateway_without_a_list_refuses_before_it_sends(gateway: str) -> None:
    table = {"gateway": gateway, **KINDS[gateway].simulated("http://127.0.0.1:1")}
    account = build(gateway, read_account(gateway, table))
    with pytest.raises(Refused) as refused:
        await holds(account)
    assert refused.value.error == "NotSupported"
    await account.close()
