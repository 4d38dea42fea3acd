"""The moments of a gateway call: what a request is for, and which byte passes when a blow falls."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from proof.crash.child import Child, survivors
from proof.crash.line import Way
from proof.crash.moments import POINTS, Call, Moment, Reader, call_of, name_of
from proof.crash.storm import side_by_side
from proof.crash.triggers import Scene, Triggers
from worker.cannot_start import CannotStart

REQUEST = b"POST /payroc/v1/payments HTTP/1.1\r\nHost: bank\r\n\r\n"
ANSWER = b"HTTP/1.1 201 Created\r\n\r\n{}"


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("POST /payroc/authorize", Call.TOKEN),
        ("POST /payroc/v1/payments", Call.AUTHORIZE),
        ("POST /payroc/v1/payments/P1/adjust", Call.ADJUST),
        ("POST /payroc/v1/payments/P1/capture", Call.CAPTURE),
        ("POST /payroc/v1/payments/P1/reverse", Call.RELEASE),
        ("GET /payroc/v1/payments?orderId=A", Call.LOOK_UP),
        ("POST /sibs/spg/v2/payments", Call.AUTHORIZE),
        ("POST /sibs/spg/v2/payments/T1/token/purchase", Call.AUTHORIZE),
        ("POST /sibs/spg/v2/payments/T1/cancellation", Call.RELEASE),
        ("POST /stax/charge", Call.AUTHORIZE),
        ("POST /stax/transaction/T1/void", Call.RELEASE),
        ("POST /xmoney/order", Call.AUTHORIZE),
        ("PUT /xmoney/transaction/1", Call.CAPTURE),
        ("DELETE /xmoney/transaction/1", Call.RELEASE),
        ("GET /xmoney/order/1", Call.LOOK_UP),
    ],
)
def test_a_request_is_told_by_its_first_line(line: str, call: Call) -> None:
    assert call_of(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n".encode()) is call


@pytest.mark.parametrize("chunk", [b"", b'{"amount": 1}', b"GET", b"\x00\x01 HTTP/1.1\r\n"])
def test_bytes_that_begin_no_request_are_for_nothing(chunk: bytes) -> None:
    assert call_of(chunk) is None


@pytest.mark.parametrize(
    ("moment", "there", "back"),
    [
        (Moment.ASKED, b"", None),
        (Moment.BOOKED, REQUEST, b""),
        (Moment.HALF, REQUEST, ANSWER[: len(ANSWER) // 2]),
        (Moment.ANSWERED, REQUEST, ANSWER),
    ],
)
async def test_a_blow_falls_once_and_just_where_its_moment_is(
    moment: Moment, there: bytes, back: bytes | None
) -> None:
    worker = Child("worker", [], Path("unused"), {})
    triggers, struck = Triggers(), list[Scene]()
    triggers.arm(name_of(moment, Call.AUTHORIZE), struck.append)
    reader = Reader(triggers, lambda: worker)

    passages = [reader.sees(Way.THERE, REQUEST)]
    if back is not None:
        assert passages[0].then is None
        passages.append(reader.sees(Way.BACK, ANSWER))
    assert [each.passes for each in passages] == [there, *([] if back is None else [back])]
    assert struck == []
    assert passages[-1].then is not None
    passages[-1].then()
    await asyncio.sleep(0.05)
    assert [scene.worker for scene in struck] == [worker]

    again = [reader.sees(Way.BACK, ANSWER)] if back is None else []
    again += [reader.sees(Way.THERE, REQUEST), reader.sees(Way.BACK, ANSWER)]
    assert [each.then for each in again] == [None] * len(again)


def test_every_call_has_every_moment() -> None:
    assert len(set(POINTS)) == len(Call) * len(Moment) >= 12


async def test_a_blow_that_is_disarmed_falls_no_more() -> None:
    triggers, struck = Triggers(), list[Scene]()
    armed = triggers.arm("noon", struck.append)
    triggers.disarm(armed)
    triggers.ring("noon")
    assert (struck, armed.fell.done()) == ([], False)


def child(folder: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", code], folder / "log", {})


async def test_a_killed_child_is_gone_at_once_and_leaves_nobody(tmp_path: Path) -> None:
    sleeper = child(tmp_path, "import time; print('up', flush=True); time.sleep(60)")
    await sleeper.start()
    await sleeper.says("up")
    assert sleeper.is_alive
    assert survivors({sleeper.pid}) != []
    assert sleeper.kill()
    assert not sleeper.is_alive
    assert not sleeper.kill()
    await sleeper.over()
    async with asyncio.timeout(10):
        while survivors({sleeper.pid}):
            await asyncio.sleep(0.05)


async def test_a_child_that_gives_up_says_why_in_one_sentence(tmp_path: Path) -> None:
    failing = child(tmp_path, "raise SystemExit('No configuration.')")
    await failing.start()
    with pytest.raises(CannotStart, match=r"did not get ready: No configuration\.$"):
        await failing.says("up")
    await failing.over()


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a disk be filled so")
async def test_a_full_disk_fails_every_write_and_is_freed_again(tmp_path: Path) -> None:
    from proof.crash.child import fill_disk, free_disk  # noqa: PLC0415 - of one system

    target = tmp_path / "written"
    writing = child(
        tmp_path,
        "import sys, time, pathlib\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    try:\n"
        f"        pathlib.Path({str(target)!r}).write_text('x')\n"
        "    except OSError:\n"
        f"        pathlib.Path({str(tmp_path / 'full')!r}).touch()\n"
        "    time.sleep(0.01)\n",
    )
    await writing.start()
    await writing.says("up")
    fill_disk(writing.pid)
    async with asyncio.timeout(10):
        while not (tmp_path / "full").exists():
            await asyncio.sleep(0.02)
    target.write_text("")
    free_disk(writing.pid)
    async with asyncio.timeout(10):
        while target.read_text() != "x":
            await asyncio.sleep(0.02)
    await writing.stop()


async def test_what_is_done_side_by_side_ends_with_its_first_error_as_it_is() -> None:
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("stopped")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise CannotStart("no more.")

    with pytest.raises(CannotStart, match=r"^no more\.$"):
        await side_by_side(for_ever(), failing())
    assert ended == ["stopped"]
