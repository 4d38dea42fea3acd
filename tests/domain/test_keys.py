"""Keys name the operation for ever: golden values, the shape, no collision, no confusion of parts.

A golden value that changes would make every open hold's next retry a second instruction at the
gateway: the fix is then in the code and never in this file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardhold.hold import OperationKind
from domain.keys import OperationName

ROOT = Path(__file__).parents[2]
NAME = OperationName("payroc", "production", "reservation-RES-1001", "capture", "checkout")
GOLDEN = {
    NAME: ("afbb7b35-20a9-4e2d-894e-22ee1f9db59d", "V65XWNJAVHPC3CKOELXB7HNV"),
    replace(NAME, operation="authorize", command_id="start"): (
        "944abc26-22d2-433e-a195-a7bdac8bff8a",
        "SRFLYJRC2KZT4YMVU662ZC77",
    ),
    replace(NAME, operation="release", command_id="deadline~2"): (
        "0e065fb0-d4a1-46e5-80b3-ce37d27236fc",
        "BYDF7MGUUHTOLQFTZY35E4RW",
    ),
    OperationName("house-2", "uat", "reservation-a.b_c-1", "adjust", "üñ:1"): (
        "7630a30c-30e3-45aa-ae3d-03e643af3a3c",
        "OYYKGDBQ4N22V3R5APTEHLZ2",
    ),
}
# What ids are made of, and more: anything but the separator itself.
PARTS = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), max_size=12)
NAMES = st.builds(OperationName, PARTS, PARTS, PARTS, PARTS, PARTS)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_key_and_a_reference_never_change(name: OperationName) -> None:
    assert GOLDEN[name] == (name.key(), name.reference())


def test_a_key_is_the_digest_that_the_contract_describes() -> None:
    joined = b"hold/v1\x1fpayroc\x1fproduction\x1freservation-RES-1001\x1fcapture\x1fcheckout"
    digest = hashlib.sha256(joined).hexdigest()
    key = NAME.key().replace("-", "")
    # All but the version's digit and the variant's two bits.
    assert (digest[:12], digest[13:16], digest[17:32]) == (key[:12], key[13:16], key[17:])
    assert base64.b32encode(bytes.fromhex(digest)).decode().startswith(NAME.reference())


def test_another_process_with_another_hash_seed_derives_the_same() -> None:
    program = f"from domain.keys import OperationName\nprint({NAME!r}.key())"
    told = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert NAME.key() == told.stdout.strip()


@given(NAMES)
def test_a_key_has_the_shape_of_a_uuid_v4(name: OperationName) -> None:
    key = UUID(name.key())
    assert (key.version, key.variant) == (4, "specified in RFC 4122")
    assert str(key) == name.key()


@given(NAMES)
def test_a_reference_is_24_characters_that_every_gateway_takes(name: OperationName) -> None:
    reference = name.reference()
    assert len(reference) == 24
    assert set(reference) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def test_a_hundred_thousand_operations_have_as_many_keys_and_references() -> None:
    names = [
        OperationName("payroc", "production", f"reservation-{number}", kind, f"command-{command}")
        for number in range(5_000)
        for kind in OperationKind
        for command in range(5)
    ]
    assert len(names) == 100_000
    assert len({name.key() for name in names}) == len(names)
    assert len({name.reference() for name in names}) == len(names)


@given(NAMES, NAMES)
def test_other_parts_make_another_key(one: OperationName, other: OperationName) -> None:
    assert (one == other) is (one.key() == other.key())


@pytest.mark.parametrize("part", [field.name for field in fields(OperationName)])
def test_every_part_counts(part: str) -> None:
    other = replace(NAME, **{part: getattr(NAME, part) + "x"})
    assert NAME.key() != other.key()
    assert NAME.reference() != other.reference()


@given(st.text("ab-", min_size=2, max_size=8), st.data())
def test_where_one_part_ends_and_the_next_begins_counts(text: str, data: st.DataObject) -> None:
    cuts = st.integers(0, len(text))
    one, other = data.draw(cuts), data.draw(cuts)
    names = {
        replace(NAME, workflow_id=text[:cut], operation=text[cut:]).key() for cut in (one, other)
    }
    assert len(names) == (1 if one == other else 2)
