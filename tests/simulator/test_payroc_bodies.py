"""What Payroc's OpenAPI lets a client send is taken, and what it requires is asked for, over HTTP.

Bodies are written after the OpenAPI's schemas; the answers are read for what those require.
"""

from typing import Any

import pytest

from tests.simulator.payroc_client import Payroc, outcome, payment_body

CARD_NUMBER = "4539858876047062"
DEVICE = {"model": "paxA80", "serialNumber": "42"}
ENCRYPTING = {**DEVICE, "dataKsn": "A1B2C3D4E5F67890ABCD"}
PLAIN = {"dataFormat": "plainText", "cardNumber": CARD_NUMBER}
PARTLY = {
    "dataFormat": "partiallyEncrypted",
    "device": ENCRYPTING,
    "encryptedPan": "A1B2C3",
    "maskedPan": "453985******7062",
    "expiryDate": "1128",
}
FULLY = {"dataFormat": "fullyEncrypted", "device": ENCRYPTING, "encryptedData": "A1B2C3"}
PLAIN_STRIPE = {"dataFormat": "plainText", "device": DEVICE, "trackData": "1" * 16}
STRIPE = {"dataFormat": "encrypted", "device": ENCRYPTING, "encryptedData": "A1B2C3"}
TOKENS_PATH = "/processing-terminals/1234001/single-use-tokens"
ADDRESS = {
    "address1": "1 Long Road",
    "city": "Chicago",
    "state": "Illinois",
    "country": "US",
    "postalCode": "60056",
}


def by_card(method: str, **details: Any) -> dict[str, Any]:
    return {"type": "card", "cardDetails": {"entryMethod": method, **details}}


def keyed(data: dict[str, Any], **details: Any) -> dict[str, Any]:
    return by_card("keyed", keyedData=data, **details)


def order(**changes: Any) -> dict[str, Any]:
    return {"order": {"orderId": "H1", "amount": 10000, "currency": "USD"} | changes}


def wrong(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.text
    return [item["parameter"] for item in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("method", "entered", "expiry"),
    [
        (keyed(PLAIN), "keyed", "1230"),
        (keyed({**PLAIN, "device": DEVICE, "expiryDate": "1129"}), "keyed", "1129"),
        (keyed(PARTLY), "keyed", "1128"),
        (keyed(FULLY, cardholderName="A Guest"), "keyed", "1230"),
        (by_card("raw", device=DEVICE, rawData="A1B2C3"), "icc", "1230"),
        (by_card("icc", device=ENCRYPTING, iccData="5A08"), "icc", "1230"),
        (by_card("swiped", swipedData=PLAIN_STRIPE, cardholderName=""), "swiped", "1230"),
        (by_card("swiped", swipedData=STRIPE), "swiped", "1230"),
        (
            {"type": "digitalWallet", "serviceProvider": "google", "encryptedData": "7b" * 64},
            "keyed",
            "1230",
        ),
    ],
)
async def test_every_way_to_pay_is_taken_and_shows_a_whole_card(
    payroc: Payroc, method: dict[str, Any], entered: str, expiry: str
) -> None:
    payment = await payroc.create(paymentMethod=method)

    card = payment["card"]
    assert outcome(payment) == ("pending", "A", 10000)
    assert (card["entryMethod"], card["expiryDate"]) == (entered, expiry)
    assert len(card["cardNumber"]) == 16
    assert card["type"]


@pytest.mark.parametrize(
    ("method", "parameter"),
    [
        (keyed({**FULLY, "device": DEVICE}), "dataKsn"),
        (keyed({**PARTLY, "maskedPan": CARD_NUMBER[:11]}), "maskedPan"),
        (keyed(PLAIN, cardholderName="x" * 51), "cardholderName"),
        (by_card("raw", device=DEVICE), "rawData"),
        (by_card("icc", device=ENCRYPTING), "iccData"),
        (by_card("swiped", device=DEVICE), "swipedData"),
    ],
)
async def test_a_card_without_what_its_kind_requires_is_refused(
    payroc: Payroc, method: dict[str, Any], parameter: str
) -> None:
    answer = await payroc.post("/payments", payment_body(paymentMethod=method))

    assert [parameter] == wrong(answer)
    assert await payroc.books() == []


@pytest.mark.parametrize(
    ("name", "shown"), [({"cardholderName": "A Guest"}, "A Guest"), ({}, None)]
)
async def test_a_single_use_token_is_made_of_a_source_and_says_what_it_stands_for(
    payroc: Payroc, name: dict[str, str], shown: str | None
) -> None:
    body = {"channel": "web", "operator": "web", "source": keyed(PLAIN, **name)}

    answer = await payroc.post(TOKENS_PATH, body)

    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(made["token"])
    assert set(made) == {"processingTerminalId", "token", "expiresAt", "source"}
    assert (made["processingTerminalId"], len(made["token"])) == ("1234001", 128)
    assert (made["source"]["type"], made["source"]["cardNumber"]) == ("card", "453985******7062")
    assert made["source"]["cardholderName"] == (shown or "CARDHOLDER")
    assert CARD_NUMBER not in answer.text


async def test_a_single_use_token_needs_its_source(payroc: Payroc) -> None:
    answer = await payroc.post(TOKENS_PATH, {"channel": "web", "paymentMethod": keyed(PLAIN)})

    assert wrong(answer) == ["source"]


async def test_a_single_use_token_lapses_after_half_an_hour(payroc: Payroc) -> None:
    body = {"channel": "web", "source": keyed(PLAIN)}
    one, other = [
        {"type": "singleUseToken", "token": (await payroc.post(TOKENS_PATH, body)).json()["token"]}
        for _ in range(2)
    ]

    payment = await payroc.create(paymentMethod=one)
    await payroc.advance(1801)
    lapsed = await payroc.post("/payments", payment_body(paymentMethod=other))

    assert payment["card"]["cardNumber"] == "453985******7062"
    assert wrong(lapsed) == ["token"]


@pytest.mark.parametrize("path", ["", "/capture"])
async def test_a_breakdown_has_a_subtotal_and_is_shown_as_it_came(
    payroc: Payroc, path: str
) -> None:
    breakdown = {
        "subtotal": 9000,
        "dutyAmount": 1000,
        "items": [{"unitPrice": 4500, "quantity": 2}],
    }
    held = await payroc.create()

    async def send(said: dict[str, Any]) -> Any:
        if path:
            return await payroc.act(held, "capture", {"breakdown": said})
        return await payroc.post("/payments", payment_body(**order(breakdown=said)))

    refused = await send({"dutyAmount": 1000})
    taken = await send(breakdown)

    assert wrong(refused) == ["subtotal"]
    assert breakdown == taken.json()["order"]["breakdown"]


@pytest.mark.parametrize(
    ("breakdown", "tip", "subtotal"),
    [
        (None, {"type": "fixedAmount", "amount": 1500}, 10500),
        (None, {"type": "percentage", "percentage": 12.5}, 12000),
        ({"subtotal": 9000, "dutyAmount": 1000}, {"type": "fixedAmount", "amount": 2000}, 9000),
    ],
)
async def test_a_tip_that_is_adjusted_leaves_a_breakdown_with_a_subtotal(
    payroc: Payroc, breakdown: dict[str, Any] | None, tip: dict[str, Any], subtotal: int
) -> None:
    said = {"breakdown": breakdown} if breakdown else {}
    payment = await payroc.create(**order(**said))
    item = {"type": "order", "amount": 12000, "breakdown": {"tip": tip}}

    adjusted = (await payroc.act(payment, "adjust", {"adjustments": [item]})).json()

    shown = adjusted["order"]["breakdown"]
    assert (adjusted["order"]["amount"], shown["subtotal"]) == (12000, subtotal)
    assert {**tip, "mode": "adjusted"} == shown["tip"]
    assert (breakdown or {}).items() <= shown.items()


async def test_a_signature_is_shown_with_the_card(payroc: Payroc) -> None:
    payment = await payroc.create()
    signature = {"type": "signature", "cardholderSignature": "a1b2"}

    await payroc.act(payment, "adjust", {"adjustments": [signature]})

    assert "cardholderSignature" not in payment["card"]
    assert (await payroc.read(payment))["card"]["cardholderSignature"] == "a1b2"


async def test_what_is_said_of_the_customer_is_shown(payroc: Payroc) -> None:
    customer = {
        "firstName": "Ada",
        "dateOfBirth": "1990-07-15",
        "referenceNumber": "Customer-12",
        "billingAddress": ADDRESS,
        "shippingAddress": {"recipientName": "Ada", "address": ADDRESS},
        "contactMethods": [{"type": "phone", "value": "2025550164"}],
        "notificationLanguage": "en",
    }

    payment = await payroc.create(customer=customer)

    assert customer == payment["customer"]


@pytest.mark.parametrize("currency", ["XXX", "SLE", "BYN", "ZWG"])
async def test_a_currency_that_payroc_does_not_list_is_refused(
    payroc: Payroc, currency: str
) -> None:
    answer = await payroc.post("/payments", payment_body(**order(currency=currency)))

    assert wrong(answer) == ["currency"]


@pytest.mark.parametrize("eci", ["fullyAuthenticated", "authAttempted", "attemptedAuthentication"])
async def test_three_d_secure_of_a_third_party_is_taken(payroc: Payroc, eci: str) -> None:
    payment = await payroc.create(threeDSecure={"serviceProvider": "thirdParty", "eci": eci})

    assert outcome(payment) == ("pending", "A", 10000)
