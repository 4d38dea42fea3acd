"""Every schedule of a small scope: five outcomes at each of a hold's first calls, in four orders.

Chance finds what is likely; this finds whatever can happen soon. A schedule says what becomes of
the first calls to the gateway, one after another; from then on all goes well. The orders say how a
capture meets a release and the deadline. Nothing is drawn: what is to be played follows from what
was seen. A hold that is settled after two calls has no third one to disturb, so all schedules that
differ only there are one and the same: it is played once and counted as often as it stands for.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta

from proof.asks import HOUR, Instruction
from proof.places import PLACES, Place
from proof.plan import Plan
from proof.play import Result, play_plan
from proof.world.loop import BEGINNING
from proof.world.temporal import Manners

#: How many of the first calls are disturbed, where nobody says otherwise.
DEPTH = 6
#: What may happen to a call, one of each kind that the ladder tells apart:
#: all is well; an error, and nothing was done; done, and the answer is lost; done long after the
#: caller has given up and perhaps looked; and "not yet", as far as the gateway can say so of it.
OUTCOMES = ("", "error_before", "unanswered", "late 12")
_NOT_YET, _LATER = "stay_pending 60", "throttle"
_CAN_BE_PENDING = frozenset({"authorize", "adjust", "capture", "release"})
_WAYS = len(OUTCOMES) + 1

# All of time is short here, so that few calls lead far: a gateway that has booked after 20 s what
# it ever will, and a caller that waits 5 s for its answer. What is late comes in between.
_HASTY = {"processing_time": "PT20S", "call_time_out": "PT5S"}
_LIFE_S = 2 * HOUR
# By then most authorizations are decided, whatever has happened to them.
_ASKED_AT_S = 120.0
# One after the other, and both before the workflow task that the first one asks for.
_APART_S, _TASK_LATENCY_S = 1e-6, 0.01
_HELD_MINOR, _TAKEN_MINOR = 50_400, 30_420
# So many pieces that no process is left without one for long.
_PIECES = 64

_LAWS_SHOWN = 20

Script = tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """In which order a capture and what may cross it arrive.

    Attributes:
        messages: Sent at one instant, so that one workflow task brings them, in this order.
        meets_deadline: The deadline is that instant too.
    """

    messages: tuple[str, ...]
    meets_deadline: bool = False


ORDERS: Mapping[str, Order] = {
    "capture": Order(("capture",)),
    "capture-release": Order(("capture", "release")),
    "release-capture": Order(("release", "capture")),
    "capture-deadline": Order(("capture",), meets_deadline=True),
}


@dataclass(frozen=True)
class Piece:
    """A part of the scope: all schedules that begin as ``script`` does, at one place."""

    account: str
    order: str
    depth: int
    script: Script = ()


@dataclass(frozen=True)
class Found:
    """A schedule that broke a law."""

    account: str
    order: str
    script: Script
    laws: tuple[str, ...]

    def __str__(self) -> str:
        again = f"--gateway {self.account} --order {self.order} --script '{','.join(self.script)}'"
        return f"{'; '.join(self.laws)}\n  ./scripts/simulate --small-scope {again}"


@dataclass
class Figures:
    """What a run has covered.

    Attributes:
        schedules: Covered, those that are the same as a played one included.
        played: Really played.
        found: What broke a law.
        cpu_s: Seconds of processor time.
    """

    schedules: int = 0
    played: int = 0
    found: list[Found] = field(default_factory=list[Found])
    cpu_s: float = 0.0

    def add(self, more: Figures) -> None:
        """Count another run's with these."""
        self.schedules += more.schedules
        self.played += more.played
        self.found += more.found
        self.cpu_s += more.cpu_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the scope, print its figures; answers with 1 if anything was found."""
    told = _arguments().parse_args(arguments)
    accounts = _accounts(told.gateway)
    if told.script is not None:
        return _show(accounts[0], told.order, tuple(told.script.split(",")))
    part, parts = (int(each) for each in told.part.split("/"))
    _say(f"{'account':<12} {'schedules':>9} {'played':>8} {'violations':>10} {'seconds':>8}")
    everything = Figures()
    began = time.monotonic()
    for account in accounts:
        since = time.monotonic()
        orders = tuple(ORDERS) if told.order is None else (told.order,)
        figures = cover(account, orders, told.depth, jobs=told.jobs, part=(part, parts))
        _say(_line(account, figures, time.monotonic() - since))
        everything.add(figures)
    _say(_line("together", everything, time.monotonic() - began))
    laws = Counter(law for each in everything.found for law in each.laws)
    for law, times in laws.most_common(_LAWS_SHOWN):
        _say(f"{times:>7} times {law}")
    for found in everything.found[: told.show]:
        _say(str(found))
    return 1 if everything.found else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def be_quiet() -> None:
    """Let no activity warn of what is done to it here."""
    logging.disable(logging.CRITICAL)


def cover(
    account: str,
    orders: Sequence[str] = tuple(ORDERS),
    depth: int = DEPTH,
    *,
    jobs: int = 1,
    part: tuple[int, int] = (1, 1),
) -> Figures:
    """Play every schedule at one account.

    Args:
        account: Its name in `proof.places`.
        orders: Of `ORDERS`.
        depth: How many of the first calls are disturbed.
        jobs: Processes.
        part: Which of how many parts; all parts together are the whole.
    """
    number, parts = part
    figures = Figures()
    pieces: list[Piece] = []
    for order in orders:
        head, rest = divided(Piece(account, order, depth))
        if number == 1:
            figures.add(head)
        pieces += rest[number - 1 :: parts]
    if jobs == 1:
        for each in map(walked, pieces):
            figures.add(each)
        return figures
    # Fresh processes: a world's virtual time does not go with another's open files and threads.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), be_quiet) as pool:
        for each in pool.map(walked, pieces):
            figures.add(each)
    return figures


def divided(piece: Piece, into: int = _PIECES) -> tuple[Figures, list[Piece]]:
    """Play the first schedules of a piece; answers with their figures and all that is left."""
    figures = Figures()
    ahead = [piece]
    while ahead and len(ahead) < into:
        figures_of_one, further = _played(ahead.pop(0))
        figures.add(figures_of_one)
        ahead += further
    return figures, ahead


def walked(piece: Piece) -> Figures:
    """Play every schedule of a piece."""
    figures = Figures()
    ahead = [piece]
    while ahead:
        figures_of_one, further = _played(ahead.pop())
        figures.add(figures_of_one)
        ahead += further
    return figures


def _played(piece: Piece) -> tuple[Figures, list[Piece]]:
    """Play a piece's first schedule; answers with all others of it too, as pieces."""
    since = time.process_time()
    result = play_plan(plan(piece.account, piece.order, piece.script))
    calls = [exchange.operation for exchange in result.seen.exchanges][: piece.depth]
    figures = Figures(
        schedules=_WAYS ** (piece.depth - len(calls)),
        played=1,
        found=_found(piece, result),
        cpu_s=time.process_time() - since,
    )
    return figures, [
        Piece(piece.account, piece.order, piece.depth, script)
        for script in _further(piece.script, calls)
    ]


def _further(script: Script, calls: Sequence[str]) -> Iterator[Script]:
    """The schedules that first differ from a played one in one of its later calls."""
    for place in range(len(script), len(calls)):
        well = ("",) * (place - len(script))
        for outcome in outcomes_of(calls[place])[1:]:
            yield (*script, *well, outcome)


def outcomes_of(operation: str) -> tuple[str, ...]:
    """What may happen to a call; always as many, the first of them nothing."""
    return (*OUTCOMES, _NOT_YET if operation in _CAN_BE_PENDING else _LATER)


def _found(piece: Piece, result: Result) -> list[Found]:
    if not result.violations:
        return []
    laws = tuple(str(violation) for violation in result.violations)
    return [Found(piece.account, piece.order, piece.script, laws)]


def plan(account: str, order: str, script: Script) -> Plan:
    """One schedule, as a plan that leaves nothing to chance."""
    place, how = _place(account), ORDERS[order]
    request = {
        "reservation_id": "SMALL",
        "gateway": account,
        "amount": {"amount_minor": _HELD_MINOR, "currency": place.currency},
        "payment_method": dict(place.card),
        "operator": "web",
        "hold_window": f"PT{int(_LIFE_S)}S",
    }
    if how.meets_deadline:
        request["settle_by"] = f"{BEGINNING + timedelta(seconds=_ASKED_AT_S):%Y-%m-%dT%H:%M:%SZ}"
    return Plan(
        seed=0,
        place=place,
        request=request,
        life_s=_LIFE_S,
        window_s=_LIFE_S,
        instructions=tuple(
            _instruction(_ASKED_AT_S + number * _APART_S, name, place)
            for number, name in enumerate(how.messages)
        ),
        accidents=(),
        weather=(),
        rate=0.0,
        heals_at=0.0,
        gone_at=0.0,
        skew_s=0.0,
        guest="pass",
        manners=Manners(task_latency_s=_TASK_LATENCY_S, evicts=0.0, shuffles=False),
        retry_afters=("1",),
        scripted=script,
    )


def _instruction(at: float, name: str, place: Place) -> Instruction:
    body: dict[str, object] = {"command_id": name}
    if name == "capture":
        body["amount"] = {"amount_minor": _TAKEN_MINOR, "currency": place.currency}
    return Instruction(at, name, body)


def _place(account: str) -> Place:
    place = next(place for place in PLACES if place.account == account)
    return replace(place, table={**place.table, **_HASTY})


# The command line.


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./scripts/simulate --small-scope", description=__doc__)
    parser.add_argument("--gateway", help="a gateway or an account; all, where none is named")
    parser.add_argument("--order", choices=tuple(ORDERS), help="one of the orders")
    parser.add_argument("--depth", type=int, default=DEPTH, help="how many calls are disturbed")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--part", default="1/1", help="the i-th of n parts: i/n")
    parser.add_argument("--show", type=int, default=5, help="so many findings in full")
    parser.add_argument("--script", help="play this one alone, commas between, and show it")
    return parser


def _accounts(gateway: str | None) -> list[str]:
    return [place.account for place in PLACES if gateway in {None, place.gateway, place.account}]


def _show(account: str, order: str | None, script: Script) -> int:
    result = play_plan(plan(account, order or "capture", script))
    _say("\n".join((*result.trace, *map(str, result.violations))))
    return 1 if result.violations else 0


def _line(account: str, figures: Figures, seconds: float) -> str:
    counts = f"{figures.schedules:>9} {figures.played:>8} {len(figures.found):>10}"
    return f"{account:<12} {counts} {seconds:>8.1f}"


if __name__ == "__main__":
    be_quiet()
    sys.exit(main())
