"""What a look-up finds at Stax: by id with its children, by our names from page to page.

The adapter's whole way is walked; a function stands in for the network. No look-up sends anything
but a GET.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardhold.hold import OperationKind
from domain.calls import Ending
from domain.outcome import PaymentState, Said
from domain.verdict import verdict
from gateways.errors import NoAnswer, Throttled, Undecided
from tests.gateways.calls import authorize, existing, follow_up, usd
from tests.gateways.stax_site import (
    CAPTURE_ID,
    HOLD_ID,
    Seen,
    answer,
    answering,
    capture,
    held_with,
    page,
    stax,
    transaction,
    void,
    voided,
)

OPEN, CAPTURED, RELEASED = PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.RELEASED
CAPTURE = follow_up("capture", 80_00, payment_id=HOLD_ID)
RELEASE = follow_up("release", 100_00, payment_id=HOLD_ID)
TOLD = follow_up("authorize", 100_00, payment_id=HOLD_ID, reference=None, command_id="start")
MINE = {"meta": {"reference": CAPTURE.reference}}
LOST = "Gateway Unreachable"


@pytest.mark.parametrize(
    ("body", "keeps_rest", "state", "captured_minor"),
    [
        (transaction(), False, OPEN, 0),
        (transaction(is_captured=False, is_voided=0, success=1), False, OPEN, 0),
        (transaction(child_captures=[capture(success=False)]), False, OPEN, 0),
        (transaction(success=None), False, PaymentState.PENDING, 0),
        (transaction(success=False, message=LOST), False, PaymentState.DECLINED, 0),
        (voided(), False, RELEASED, 0),
        (transaction(is_voided=1), False, RELEASED, 0),
        (transaction(child_transactions=[void()]), False, RELEASED, 0),
        (transaction(child_transactions=[void(success=False)]), False, OPEN, 0),
        (transaction(child_transactions=[void(success=None)]), False, PaymentState.PENDING, 0),
        (transaction(child_transactions=[void(success=...)]), False, OPEN, 0),
        (held_with(capture()), False, CAPTURED, 80_00),
        (held_with(capture(), is_captured=True), False, CAPTURED, 80_00),
        (held_with(capture("80.00"), is_captured=2), False, CAPTURED, 80_00),
        (held_with(capture()), True, OPEN, 80_00),
        (held_with(capture(100)), True, CAPTURED, 100_00),
        (held_with(capture(), is_voided=True), True, CAPTURED, 80_00),
        (held_with(capture(), capture(20, id="b")), True, CAPTURED, 100_00),
        (held_with(capture(), capture(19, id="b", success=False)), True, OPEN, 80_00),
        (held_with(capture(success=None)), False, PaymentState.PENDING, 0),
        (held_with(capture(is_voided=1)), False, RELEASED, 0),
        (held_with(capture(is_voided=1)), True, OPEN, 0),
        # One capture in both lists is one; in the second alone it counts as well.
        (held_with(capture(), child_transactions=[capture()]), False, CAPTURED, 80_00),
        (transaction(child_transactions=[capture()]), False, CAPTURED, 80_00),
        # What was given back later was taken all the same.
        (
            held_with(capture(), child_transactions=[void(type="refund", total=-80)]),
            False,
            CAPTURED,
            80_00,
        ),
    ],
)
async def test_a_hold_is_read_by_its_flags_and_children(
    body: dict[str, Any], state: PaymentState, captured_minor: int, *, keeps_rest: bool
) -> None:
    found = await answering(200, body, keeps_rest=keeps_rest).look_up(CAPTURE)
    assert found is not None
    assert (found.state, found.captured) == (state, usd(captured_minor))


@pytest.mark.parametrize(
    "body",
    [
        transaction(id="another"),
        transaction(currency="CAD"),
        transaction(meta={"reference": "ANOTHER"}),
        transaction(type="capture"),
        transaction(type="refund"),
        transaction(is_captured=1),
        transaction(is_captured=1, child_captures=[capture(success=False)]),
        transaction(child_transactions=[{"id": "x", "type": "chargeback"}]),
        held_with(capture("80.001")),
        held_with(capture(-80)),
    ],
)
async def test_an_answer_that_is_not_quite_the_hold_decides_nothing(body: dict[str, Any]) -> None:
    with pytest.raises(Undecided):
        await answering(200, body).look_up(CAPTURE)


@pytest.mark.parametrize(
    "child", [{"id": CAPTURE_ID}, capture(total=...), capture(success=...), capture(total=None)]
)
async def test_a_capture_that_is_listed_by_its_id_alone_is_looked_at_itself(
    child: dict[str, Any],
) -> None:
    seen = Seen(answer(200, held_with(child)), answer(200, capture()))
    found = await stax(seen).look_up(CAPTURE)
    assert found is not None
    assert (found.state, found.captured) == (CAPTURED, usd(80_00))
    assert seen.asked == [f"GET /transaction/{HOLD_ID}", f"GET /transaction/{CAPTURE_ID}"]


@pytest.mark.parametrize(
    "second",
    [
        answer(200, capture(id="another")),
        answer(200, capture(auth_id="another")),
        answer(200, capture(type="refund")),
        answer(404, {"id": ["The selected id is invalid."]}),
        answer(500, {}),
    ],
)
async def test_a_capture_that_cannot_be_looked_at_leaves_the_hold_undecided(
    second: httpx.Response,
) -> None:
    adapter = stax(Seen(answer(200, held_with({"id": CAPTURE_ID})), second))
    with pytest.raises(Undecided):
        await adapter.look_up(CAPTURE)


async def test_more_captures_than_can_be_looked_at_leave_the_hold_undecided() -> None:
    seen = Seen(answer(200, held_with(*({"id": f"c{number}"} for number in range(11)))))
    with pytest.raises(Undecided):
        await stax(seen).look_up(CAPTURE)
    assert len(seen.requests) == 1


@pytest.mark.parametrize(
    ("children", "said", "ending"),
    [
        ([capture(success=False, message="DECLINE", **MINE)], Said.DECLINED, Ending.DECLINED),
        ([capture(success=False, message=LOST, **MINE)], Said.PENDING, None),
        ([capture(success=False, idempotency_id=CAPTURE.key)], Said.DECLINED, Ending.DECLINED),
        ([capture(success=False)], None, Ending.ABSENT),
        ([capture(success=False, meta={"reference": "ANOTHER"})], None, Ending.ABSENT),
        ([capture(success=False, **MINE), capture(id="b")], None, Ending.DONE),
        ([capture(**MINE)], None, Ending.DONE),
        ([capture(success=None, **MINE)], None, None),
        ([capture(70)], None, Ending.CHANGED),
        ([], None, Ending.ABSENT),
    ],
)
async def test_what_became_of_a_capture_is_told_by_its_own_child_or_by_the_hold(
    children: list[dict[str, Any]], said: Said | None, ending: Ending | None
) -> None:
    found = await answering(200, transaction(child_captures=children)).look_up(CAPTURE)
    assert found is not None
    assert found.said == said
    assert verdict(CAPTURE.call, found) == ending


@pytest.mark.parametrize(
    ("children", "said", "ending"),
    [
        ([capture(**MINE)], Said.DONE, Ending.DONE),
        ([capture(idempotency_id=CAPTURE.key)], Said.DONE, Ending.DONE),
        ([capture(success=False, id="b", **MINE), capture(**MINE)], Said.DONE, Ending.DONE),
        ([capture(70, **MINE), capture(10, id="b")], Said.DECLINED, Ending.DECLINED),
        ([capture(meta={"reference": "ANOTHER"})], None, Ending.ABSENT),
        ([capture(is_voided=True, **MINE), capture(id="b")], None, Ending.ABSENT),
        ([capture(**MINE), capture(5, id="b")], Said.DONE, Ending.DONE),
        ([capture(70, **MINE), capture(15, id="b")], None, Ending.CHANGED),
    ],
)
async def test_a_capture_that_is_counted_already_is_told_by_its_own_name(
    children: list[dict[str, Any]], said: Said | None, ending: Ending
) -> None:
    again = follow_up("capture", 80_00, payment_id=HOLD_ID, held_minor=200_00, captured=usd(80_00))
    body = transaction(total=200, child_captures=children)
    found = await answering(200, body, keeps_rest=True).look_up(again)
    assert found is not None
    assert found.said == said
    assert verdict(again.call, found) == ending


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (voided(), Ending.DONE),
        (transaction(), Ending.ABSENT),
        (held_with(capture()), Ending.CHANGED),
        (transaction(child_transactions=[void(success=None)]), None),
    ],
)
async def test_what_became_of_a_release_is_told_by_the_hold(
    body: dict[str, Any], ending: Ending | None
) -> None:
    assert verdict(RELEASE.call, await answering(200, body).look_up(RELEASE)) == ending


@pytest.mark.parametrize(
    ("body", "state", "reference", "currency"),
    [
        (transaction(meta={"reference": 1872}), OPEN, None, "USD"),
        (transaction(meta={"reference": "INV-1"}, currency="CAD"), OPEN, "INV-1", "CAD"),
        (transaction(meta=None, idempotency_id="theirs", currency=None), OPEN, None, "USD"),
        (transaction(type="charge"), CAPTURED, authorize().reference, "USD"),
        (transaction(type="charge", is_voided=True), RELEASED, authorize().reference, "USD"),
    ],
)
async def test_a_hold_made_elsewhere_is_found_by_its_id_whatever_its_names_and_currency(
    body: dict[str, Any], state: PaymentState, reference: str | None, currency: str
) -> None:
    found = await answering(200, body).look_up(authorize(payment_method=existing(HOLD_ID)))
    assert found is not None
    assert (found.state, found.reference) == (state, reference)
    assert found.authorized.currency == currency


@pytest.mark.parametrize("kind", ["capture", "void", "refund", "credit"])
async def test_what_is_no_hold_is_none_that_could_be_adopted(kind: str) -> None:
    adapter = answering(200, transaction(type=kind))
    assert await adapter.look_up(authorize(payment_method=existing(HOLD_ID))) is None


async def test_a_hold_made_elsewhere_counts_its_age_from_its_own_making() -> None:
    body = held_with(capture(created_at="2026-03-09 00:00:00"))
    found = await answering(200, body).look_up(authorize(payment_method=existing(HOLD_ID)))
    assert found is not None
    assert found.booked_at == datetime(2026, 3, 5, 13, 27, 5, tzinfo=UTC)
    found = await answering(200, body).look_up(CAPTURE)
    assert found is not None
    assert found.booked_at == datetime(2026, 3, 9, tzinfo=UTC)


async def test_an_id_that_was_told_before_the_answer_was_lost_is_looked_at_itself() -> None:
    assert TOLD.call.kind is OperationKind.AUTHORIZE
    seen = Seen(answer(200, transaction()))
    found = await stax(seen).look_up(TOLD)
    assert found is not None
    assert (found.state, seen.asked) == (OPEN, [f"GET /transaction/{HOLD_ID}"])
    with pytest.raises(Undecided):
        await answering(200, transaction(meta={"reference": "ANOTHER"})).look_up(TOLD)


def listing(*pages: dict[str, Any], **holds: dict[str, Any]) -> Seen:
    """A gateway that lists these pages, and shows these transactions by their ids."""

    class Listed(Seen):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            if request.url.path == "/transaction":
                return answer(200, pages[int(request.url.params["page"]) - 1])
            return answer(200, holds[request.url.path.rpartition("/")[2]])

    return Listed(answer(500, {}))


OTHER = {"id": "other", "idempotency_id": "theirs", "meta": {"reference": "THEIRS"}}
ROW = {"id": "a", "idempotency_id": authorize().key}


@pytest.mark.parametrize("type_", ["void", "capture", "refund"])
async def test_what_was_done_to_a_hold_later_is_not_taken_for_the_hold(type_: str) -> None:
    later = {**ROW, "id": "later", "type": type_}
    seen = listing(page(later, ROW), a=transaction(id="a"))
    found = await stax(seen).look_up(authorize())
    assert found is not None
    assert found.payment_id == "a"
    assert await stax(listing(page(later))).look_up(authorize()) is None


@pytest.mark.parametrize(
    "row",
    [
        ROW,
        {"id": "a", "meta": {"reference": authorize().reference}},
        {"id": "a", "idempotency_id": None, "meta": {"reference": authorize().reference, "x": 1}},
        {**ROW, "meta": [], "type": "brand new", "total": -5},
    ],
)
async def test_a_charge_is_found_by_either_of_our_names(row: dict[str, Any]) -> None:
    seen = listing(page(OTHER, row, OTHER), a=transaction(id="a"))
    found = await stax(seen).look_up(authorize())
    assert found is not None
    assert (found.payment_id, found.state) == ("a", OPEN)
    assert seen.asked == ["GET /transaction", "GET /transaction/a"]


@pytest.mark.parametrize(
    ("pages", "asked"),
    [
        ([page(ROW)], 1),
        ([page(ROW, last=3), page(OTHER, number=2, last=3)], 2),
        ([page(OTHER, last=3), page(ROW, number=2, last=3), page(OTHER, number=3, last=3)], 3),
        ([page(OTHER, last=2), page(ROW, number=2, last=2)], 2),
        ([page(ROW, last=2), page(ROW, number=2, last=2)], 2),
    ],
)
async def test_a_list_is_read_until_the_page_after_the_find(
    pages: list[dict[str, Any]], asked: int
) -> None:
    seen = listing(*pages, a=transaction(id="a"))
    found = await stax(seen).look_up(authorize())
    assert found is not None
    assert seen.asked == ["GET /transaction"] * asked + ["GET /transaction/a"]


@pytest.mark.parametrize("pages", [[page()], [page(last=0)], [page(OTHER)]])
async def test_nothing_is_found_where_nothing_of_ours_is_listed(
    pages: list[dict[str, Any]],
) -> None:
    assert await stax(listing(*pages)).look_up(authorize()) is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        page(data=None),
        page(current_page=2),
        page(current_page="1"),
        page(last_page=None),
        page(last_page=...),
        page(last_page=-1),
        page({"idempotency_id": authorize().key}),
        page({"id": 7}),
        [page()],
    ],
)
async def test_a_list_that_cannot_be_read_proves_no_absence(body: object) -> None:
    with pytest.raises(Undecided):
        await answering(200, body).look_up(authorize())


async def test_a_hold_of_a_run_long_ago_is_found_by_our_reference_alone() -> None:
    old = {"created_at": "2026-02-20 13:27:05"}
    seen = Seen(
        answer(200, page(OTHER)),
        answer(200, page({**OTHER, "id": "b"}, ROW)),
        answer(200, transaction(id="a", **old)),
    )
    found = await stax(seen).look_up(authorize())
    assert found is not None
    assert (found.payment_id, found.state) == ("a", OPEN)
    assert seen.requests[1].url.params["keywords"] == authorize().reference
    assert seen.asked == ["GET /transaction", "GET /transaction", "GET /transaction/a"]


@pytest.mark.parametrize("failed", [answer(500, {}), answer(200, page(current_page=2))])
async def test_a_search_of_long_ago_that_fails_is_no_word_of_absence(
    failed: httpx.Response,
) -> None:
    with pytest.raises(Undecided):
        await stax(Seen(answer(200, page()), failed)).look_up(authorize())


class _Endless:
    """A busy account: however much of its list is read, there is more; and what it was asked."""

    def __init__(self, **searched: dict[str, Any]) -> None:
        self.pages: list[int] = []
        self.searches = 0
        self._searched = searched

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/transaction":
            return answer(200, self._searched[request.url.path.rpartition("/")[2]])
        if "keywords" in request.url.params:
            self.searches += 1
            return answer(200, page(*({**ROW, "id": name} for name in self._searched)))
        self.pages.append(int(request.url.params["page"]))
        return answer(200, page(OTHER, number=self.pages[-1], last=self.pages[-1] + 1))


async def test_a_list_without_an_end_proves_no_absence_and_is_left_in_time() -> None:
    busy = _Endless()
    with pytest.raises(Undecided):
        await stax(busy).look_up(authorize())
    assert (busy.pages, busy.searches) == ([*range(1, 21)], 1)


async def test_what_a_list_without_an_end_does_not_show_may_be_found_by_our_reference() -> None:
    found = await stax(_Endless(a=transaction(id="a"))).look_up(authorize())
    assert found is not None
    assert (found.payment_id, found.state) == ("a", OPEN)


async def test_where_a_key_guards_the_charge_a_busy_account_is_asked_for_little() -> None:
    guarded = replace(authorize(), guarded=True)
    busy = _Endless()
    assert await stax(busy).look_up(guarded) is None
    assert (busy.pages, busy.searches) == ([1, 2, 3, 4], 1)
    found = await stax(_Endless(a=transaction(id="a"))).look_up(guarded)
    assert found is not None
    assert found.payment_id == "a"


async def test_a_list_that_fails_on_a_later_page_says_so_and_not_none() -> None:
    for later, error in ((answer(500, {}), Undecided), (answer(429, {}), Throttled)):
        with pytest.raises(error):
            await stax(Seen(answer(200, page(OTHER, last=2)), later)).look_up(authorize())
    cut = httpx.Response(200, stream=httpx.ByteStream(b'{"data":['))
    with pytest.raises(NoAnswer):
        await stax(Seen(answer(200, page(OTHER, last=2)), cut)).look_up(authorize())


@pytest.mark.parametrize(
    ("states", "payment_id"),
    [
        ({"a": {"success": False}, "b": {}}, "b"),
        ({"a": {"is_voided": True}, "b": {}}, "b"),
        ({"a": {"success": False}, "b": {"success": None}}, "b"),
        ({"a": {}, "b": {"created_at": "2026-03-05 13:00:00"}}, "b"),
        ({"a": {"created_at": None}, "b": {}}, "b"),
        ({"a": {"success": False, "created_at": None}, "b": {"success": False}}, "b"),
    ],
)
async def test_of_several_charges_the_one_that_holds_money_counts(
    states: dict[str, dict[str, Any]], payment_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"id": name, "idempotency_id": authorize().key} for name in states]
    holds = {name: transaction(id=name, **changes) for name, changes in states.items()}
    found = await stax(listing(page(*rows), **holds)).look_up(authorize())
    assert found is not None
    assert found.payment_id == payment_id
    live = sum("success" not in c and "is_voided" not in c for c in states.values())
    assert [record.levelname for record in caplog.records] == ["WARNING"] * (live > 1)


async def test_a_charge_that_is_listed_and_not_there_decides_nothing() -> None:
    gone = answer(404, {"id": ["Transaction could not be found"]})
    with pytest.raises(Undecided):
        await stax(Seen(answer(200, page(ROW)), gone)).look_up(authorize())


async def test_a_look_up_sends_nothing_but_questions() -> None:
    for call in (authorize(), TOLD, CAPTURE, RELEASE, authorize(payment_method=existing("a"))):
        seen = listing(page(ROW), a=transaction(id="a"), **{HOLD_ID: transaction()})
        assert await stax(seen).look_up(call) is not None
        assert {request.method for request in seen.requests} == {"GET"}
        assert {request.content for request in seen.requests} == {b""}
