"""What SIBS's refusals say of the money, at each step of each verb, by HTTP status and code.

Before the purchase nothing can be held; from the purchase on every answer that is not in the table
is unknown.
"""

from __future__ import annotations

import httpx
import pytest

from domain.outcome import Declined
from gateways.errors import (
    GatewayError,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Refused,
    Throttled,
    Unauthorized,
    Undecided,
)
from gateways.port import Named
from tests.gateways.calls import authorize, existing, follow_up
from tests.gateways.sibs_site import (
    PAYMENT_ID,
    Sibslike,
    authorization,
    ordered,
    problem,
    purchasing,
    sibs,
    status,
)

LATER = [
    follow_up("capture", 80_00, payment_id=PAYMENT_ID),
    follow_up("release", 100_00, payment_id=PAYMENT_ID),
    follow_up("adjust", 60_00, payment_id=PAYMENT_ID),
]
PROBLEMS: list[tuple[int, str, type[GatewayError]]] = [
    (400, "E0101", Refused),
    (400, "E0102", Undecided),
    (400, "000", Undecided),
    (401, "E0101", Unauthorized),
    (403, "anything", Unauthorized),
    (404, "E0404", Undecided),
    (404, "E0101", Undecided),
    (405, "E0101", Undecided),
    (408, "E0101", Undecided),
    (409, "E0101", Undecided),
    (409, "E0119", Undecided),
    (415, "E0101", Undecided),
    (422, "E0101", Undecided),
    (425, "E0101", Undecided),
    (429, "E0101", Throttled),
    (500, "E0101", Undecided),
    (500, "E0119", Undecided),
    (502, "000", Undecided),
    (503, "T9999", Undecided),
    (504, "E0101", Undecided),
    (301, "E0101", Undecided),
    (307, "000", Undecided),
    (202, "000", Undecided),
    (204, "000", Undecided),
]
BROKEN: list[tuple[object, type[GatewayError]]] = [
    (httpx.ConnectError("x"), NotSent),
    (httpx.ConnectTimeout("x"), NotSent),
    (httpx.PoolTimeout("x"), NotSent),
    (httpx.ReadTimeout("x"), NoAnswer),
    (httpx.WriteTimeout("x"), NoAnswer),
    (httpx.RemoteProtocolError("x"), NoAnswer),
    (httpx.Response(503, text="<html>"), Undecided),
    (httpx.Response(400, text="<html>"), Undecided),
    (httpx.Response(400, json={"httpCode": "400"}), Undecided),
    (httpx.Response(401, text="<html>"), Unauthorized),
    (httpx.Response(429, headers={"retry-after": "7"}), Throttled),
    (httpx.Response(201, json=authorization()), Undecided),
]
ALL = [*((problem(http, code), error) for http, code, error in PROBLEMS), *BROKEN]


def _but(*http: int) -> list[tuple[object, type[GatewayError]]]:
    """All of them without these."""
    return [row for row in ALL if getattr(row[0], "status_code", 0) not in http]


def _name(value: object) -> str:
    if isinstance(value, httpx.Response):
        return f"{value.status_code}-{value.text[:40]}"
    return value.__name__ if isinstance(value, type) else type(value).__name__


async def _of_order(answer: object) -> GatewayError:
    site = Sibslike(order=answer)
    with pytest.raises(GatewayError) as caught:
        await sibs(site).authorize(authorize())
    assert len(site.requests) == 1
    return caught.value


# An order may be created, with a 201.
@pytest.mark.parametrize(("answer", "error"), _but(201), ids=_name)
async def test_what_goes_wrong_at_the_order_holds_nothing(
    answer: object, error: type[GatewayError]
) -> None:
    raised = await _of_order(answer)
    assert type(raised) is (NotSent if issubclass(error, OutcomeUnknown) else error)


@pytest.mark.parametrize(
    "changes",
    [
        {"returnStatus": status("E0101")},
        {"returnStatus": status("T9999")},
        {"returnStatus": ...},
        {"transactionID": ...},
        {"transactionID": "a\nb"},
        {"transactionSignature": ...},
        {"transactionSignature": ""},
        {"transactionSignature": "a\r\nX-Evil: 1"},
        {"transactionSignature": "é"},
        {"amount": {"value": 100.01, "currency": "USD"}},
        {"amount": {"value": 100, "currency": "EUR"}},
        {"merchant": {"merchantTransactionId": "ANOTHER"}},
    ],
)
async def test_an_order_that_is_not_quite_ours_is_not_purchased(
    changes: dict[str, object],
) -> None:
    raised = await _of_order(ordered(**changes))
    assert type(raised) is NotSent
    assert "nothing is held before the purchase" in str(raised)


@pytest.mark.parametrize("http", [200, 201])
async def test_an_order_may_be_created_or_taken_in(http: int) -> None:
    site = Sibslike(order=httpx.Response(http, json=ordered()))
    await sibs(site).authorize(authorize())
    assert len(site.requests) == 2


@pytest.mark.parametrize(("answer", "error"), ALL, ids=_name)
async def test_what_goes_wrong_at_the_purchase_is_unknown_unless_it_is_in_the_table(
    answer: object, error: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        await purchasing(answer).authorize(authorize())
    assert type(caught.value) is error
    if isinstance(caught.value, OutcomeUnknown):
        assert caught.value.payment_id == PAYMENT_ID


@pytest.mark.parametrize(("answer", "error"), ALL, ids=_name)
@pytest.mark.parametrize("call", LATER, ids=lambda call: call.call.kind)
async def test_what_goes_wrong_later_is_unknown_unless_it_is_in_the_table(
    call: Named, answer: object, error: type[GatewayError]
) -> None:
    site = Sibslike(later=answer)
    with pytest.raises(GatewayError) as caught:
        await getattr(sibs(site), call.call.kind)(call)
    assert type(caught.value) is error
    assert len(site.requests) == 1


@pytest.mark.parametrize("call", [authorize(), *LATER], ids=lambda call: call.call.kind)
async def test_a_decline_is_one_under_400_too(call: Named) -> None:
    answer = problem(400, "E0119", "Do Not Honor")
    site = Sibslike(purchase=answer, later=answer)
    outcome = await getattr(sibs(site), call.call.kind)(call)
    assert outcome == Declined("Do Not Honor")


# With a 404 SIBS itself says that there is none.
@pytest.mark.parametrize(("answer", "error"), _but(404), ids=_name)
async def test_a_failed_look_up_is_never_none(answer: object, error: type[GatewayError]) -> None:
    site = Sibslike(by_id={PAYMENT_ID: answer}, by_reference={authorize().reference: [answer]})
    for call in (authorize(), authorize(payment_id=PAYMENT_ID)):
        with pytest.raises(GatewayError) as caught:
            await sibs(site).look_up(call)
        # A look-up that is refused says nothing of what it looks for.
        assert type(caught.value) is (Undecided if error is Refused else error)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="no such page"),
        httpx.Response(404, json={"httpCode": "404", "httpMessage": "Not Found"}),
        problem(404, "000"),
        problem(410, "E0404"),
        httpx.Response(200, json={"returnStatus": status("E0404")}),
    ],
)
async def test_only_sibs_own_word_proves_that_there_is_none(answer: httpx.Response) -> None:
    site = Sibslike(by_reference={authorize().reference: [answer]})
    with pytest.raises(Undecided):
        await sibs(site).look_up(authorize())
    site = Sibslike(by_reference={authorize().reference: [problem(404, "404")]})
    assert await sibs(site).look_up(authorize()) is None


async def test_a_made_up_payment_id_names_no_payment() -> None:
    call = authorize(payment_method=existing(PAYMENT_ID))
    for answer in (problem(404, "E0404"), problem(400, "E0101")):
        assert await sibs(Sibslike(by_id={PAYMENT_ID: answer})).look_up(call) is None
    ours = authorize(payment_id=PAYMENT_ID)
    malformed = sibs(Sibslike(by_id={PAYMENT_ID: problem(400, "E0101")}))
    with pytest.raises(Undecided):
        await malformed.look_up(ours)


async def test_a_refusal_names_status_and_code_and_repeats_nothing_else() -> None:
    for code, told in (("E0101", "HTTP 400 E0101"), ("2967539876543210", "HTTP 400")):
        with pytest.raises(GatewayError) as caught:
            await purchasing(problem(400, code, "4539858876047062")).authorize(authorize())
        assert str(caught.value).startswith(("sibs: refused", f"sibs: {told} decides"))
        assert "4539858876047062" not in str(caught.value)
        assert "2967539876543210" not in str(caught.value)


async def test_too_many_requests_says_how_long_to_wait() -> None:
    answer = httpx.Response(429, headers={"retry-after": "7"})
    with pytest.raises(Throttled) as caught:
        await purchasing(answer).authorize(authorize())
    assert caught.value.retry_after_s == 7.0
