"""The proof of the proof: each seeded defect is put into the product, and the simulator finds it.

A defect (`proof.defects`) is put in while its module is imported, in a process of its own: nothing
is written to the disk. A seed counts where the same seed without the defect breaks no law. Each
defect is there for a law or two, and is hunted until these have spoken: of every law it is known
that it can.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, TextIO, cast

from proof.defect import Defect
from proof.defects import DEFECTS
from proof.limited import Hangs, limited
from proof.quiet import quiet

if TYPE_CHECKING:
    from proof.play import Result

#: Plays a seed at an account, or at any.
Play = Callable[[int, str | None], "Result"]

SEEDS_MAX = 20_000
# A scenario takes a second at most, of the processor's time, which a busy machine does not change;
# with some defects a run asks itself the same for ever.
_SCENARIO_S_MAX = 10
_ROOT = Path(__file__).parents[1]
_THIS = (sys.executable, "-m", "proof.canary")
_TABLE = "{:<38} {:<6} {:>6} {:>8}  {:<16} {}"


@dataclass(frozen=True)
class Find:
    """What became of one defect.

    Attributes:
        seed: The first one that shows it; None where none did.
        law: The first law that was broken there.
        what: What was seen, in one sentence.
        seeds: How many were played until then.
        spoke: Its own laws, and how many were played until each has spoken.
        seconds: By the clock on the wall.
    """

    defect: Defect
    seed: int | None
    law: str
    what: str
    seeds: int
    spoke: Mapping[str, int]
    seconds: float

    @property
    def silent(self) -> list[str]:
        """Those of its own laws that have not spoken."""
        return [law for law in self.defect.laws if law not in self.spoke]


# Putting a defect in.


def put_in(defect: Defect) -> None:
    """From now on the defect's module is imported with the defect in it.

    Raises:
        RuntimeError: The module is imported already, as it really is.
    """
    if defect.module in sys.modules:
        raise RuntimeError(f"{defect.module} is imported already")
    sys.meta_path.insert(0, _Finder(defect))


class _Finder(MetaPathFinder):
    """Finds one module where it is, to load it with other text."""

    def __init__(self, defect: Defect) -> None:
        self._defect = defect

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: object = None
    ) -> ModuleSpec | None:
        del target
        if fullname != self._defect.module:
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(self._defect, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Compiles a module's text with the defect in it; what was compiled before does not count."""

    def __init__(self, defect: Defect, path: str) -> None:
        super().__init__(defect.module, path)
        self._defect = defect

    def get_code(self, fullname: str) -> CodeType:
        source = self._defect.put_into(cast("str", self.get_source(fullname)))
        return self.source_to_code(source.encode(), self.path)


# One process with a defect in it.


def _hunt(defect: Defect, seeds: range, answers: TextIO) -> None:
    """Play until somebody has seen enough; a line for each seed that may show the defect."""
    parent = os.getppid()
    put_in(defect)
    play = _player()
    for seed in seeds:
        if os.getppid() != parent:
            return  # nobody is left who would hear of it
        laws = _broken(play, seed, defect.place)
        if laws:
            sys.stdout.write(json.dumps({"seed": seed, "laws": laws}) + "\n")
            sys.stdout.flush()
            if answers.readline().strip() == "enough":
                return


def _broken(play: Play, seed: int, place: str | None) -> list[str]:
    """The laws that a seed breaks, in words; an end that is none breaks one too."""
    try:
        with limited(_SCENARIO_S_MAX):
            return [str(each) for each in play(seed, place).violations]
    except Hangs:
        return [f"L4: the scenario does not end within {_SCENARIO_S_MAX} s"]
    except Exception as error:  # noqa: BLE001 - whatever a defect does to the world is a find
        return [f"L6: the world broke: {type(error).__name__}: {error}"]


def _player() -> Play:
    """The simulator. It imports the product: where a defect is to be in it, it is in by then."""
    from proof.play import play  # noqa: PLC0415 - as the line above says

    def quietly(seed: int, place: str | None) -> Result:
        with quiet():
            return play(seed, place)

    return quietly


# The process that starts the others, which has no defect in it.


class Hunter:
    """Hunts for defects, each in a process of its own.

    Args:
        start: The first seed.
        seeds_max: How many at most for each defect.
    """

    def __init__(self, start: int, seeds_max: int) -> None:
        self._seeds = range(start, start + seeds_max)
        self._play = _player()
        # A world is one thread's: the ids that its bank makes up come from one stream.
        self._one_at_a_time = threading.Lock()

    def find(self, defect: Defect) -> Find:
        """Play seeds with a defect until one shows it, and all of its laws have spoken."""
        began = time.monotonic()
        command = [*_THIS, "--hunt", defect.name, "--start", str(self._seeds.start)]
        command += ["--seeds-max", str(len(self._seeds))]
        # What asyncio says of tasks that a defect leaves behind is nobody's business.
        with (
            tempfile.TemporaryFile("w+") as said,
            subprocess.Popen(  # noqa: S603 - this very module, with a name from our own list
                command,
                cwd=_ROOT,
                env=_settled(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            ) as child,
        ):
            shown = self._shown(defect, child)
            if not shown and child.wait():
                said.seek(0)
                raise RuntimeError(f"the hunt for {defect.name} ended: {said.read()[-500:]}")
        seed, (told, *_) = shown[0] if shown else (None, [""])
        law, _, what = told.partition(": ")
        start = self._seeds.start
        seeds = len(self._seeds) if seed is None else seed - start + 1
        spoke: dict[str, int] = {}
        for at, laws in shown:
            for own in {*defect.laws} & _names(laws):
                spoke.setdefault(own, at - start + 1)
        return Find(defect, seed, law, what, seeds, spoke, time.monotonic() - began)

    def _shown(self, defect: Defect, child: subprocess.Popen[str]) -> list[tuple[int, list[str]]]:
        """The seeds that break laws with the defect and none without it, until its own have."""
        answers, lines = cast("TextIO", child.stdin), cast("TextIO", child.stdout)
        shown: list[tuple[int, list[str]]] = []
        silent = {*defect.laws}
        for line in lines:
            told = json.loads(line)
            # Once it is found, only its own laws tell more.
            if (not shown or silent & _names(told["laws"])) and self._is_new(defect, told["seed"]):
                shown.append((told["seed"], told["laws"]))
                silent -= _names(told["laws"])
            answers.write("go on\n" if silent else "enough\n")
            answers.flush()
            if not silent:
                break
        return shown

    def _is_new(self, defect: Defect, seed: int) -> bool:
        """Whether a seed breaks no law without the defect."""
        with self._one_at_a_time:
            began = time.process_time()
            is_old = bool(_broken(self._play, seed, defect.place))
            # Some lives are long; nothing is said by their taking longer than they may.
            return not is_old and time.process_time() - began <= _SCENARIO_S_MAX / 2


def _names(laws: Sequence[str]) -> set[str]:
    return {law.partition(":")[0] for law in laws}


def _settled() -> dict[str, str]:
    """The environment of a process that hashes as every other does."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def hunt_all(defects: Sequence[Defect], hunter: Hunter, *, jobs: int) -> Iterator[Find]:
    """Hunt for all of them, so many at once; each is told of as soon as it is found."""
    with ThreadPoolExecutor(jobs) as pool:
        for hunt in as_completed([pool.submit(hunter.find, defect) for defect in defects]):
            yield hunt.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Be ``./scripts/simulate --defects``; answers with its exit code: 0 where all are found."""
    options = _options().parse_args(arguments)
    seeds = range(options.start, options.start + options.seeds_max)
    if options.hunt:
        _hunt(_named(options.hunt), seeds, sys.stdin)
        return 0
    if options.show:
        return _show(_named(options.show), options.start)
    named = [_named(name) for name in options.defect] or DEFECTS
    return _report(hunt_all(named, Hunter(seeds.start, len(seeds)), jobs=options.jobs))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./scripts/simulate --defects", description=__doc__)
    parser.add_argument(
        "--defect", action="append", default=[], metavar="NAME", help="this one alone; may repeat"
    )
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds-max", type=int, default=SEEDS_MAX, help="for each defect")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at once")
    parser.add_argument("--show", metavar="NAME", help="play --start with it, and print the trace")
    parser.add_argument("--hunt", help=argparse.SUPPRESS)
    return parser


def _named(name: str) -> Defect:
    found = next((defect for defect in DEFECTS if defect.name == name), None)
    if found is None:
        raise SystemExit(f"no defect is called '{name}'")
    return found


def _show(defect: Defect, seed: int) -> int:
    """Print what happens in one seed with a defect, in a process that has not imported it yet."""
    if defect.module in sys.modules:
        command = [*_THIS, "--show", defect.name, "--start", str(seed)]
        return subprocess.run(command, cwd=_ROOT, env=_settled(), check=False).returncode  # noqa: S603 - as for a hunt
    put_in(defect)
    result = _player()(seed, defect.place)
    print("\n".join(result.trace))  # noqa: T201 - what it is for
    print("\n".join(str(each) for each in result.violations) or "no law is broken")  # noqa: T201 - as above
    return int(bool(result.violations))


def _report(finds: Iterator[Find]) -> int:
    """Print the table as it fills, and what was not found."""
    head = _TABLE.format("defect", "law", "seeds", "seconds", "its laws", "replay")
    print(head)  # noqa: T201 - what it is for
    done: list[Find] = []
    for find in finds:
        done.append(find)
        name = find.defect.name
        replay = f"./scripts/simulate --defects --show {name} --start {find.seed}"
        shown = "NOT FOUND" if find.seed is None else replay
        own = " ".join(f"{law}:{find.spoke.get(law, 'SILENT')}" for law in find.defect.laws)
        seconds = f"{find.seconds:.1f}"
        print(_TABLE.format(name, find.law, find.seeds, seconds, own, shown), flush=True)  # noqa: T201 - as above
    found = sorted(find.seeds for find in done if find.seed is not None)
    most, median = (found[-1], found[len(found) // 2]) if found else (0, 0)
    told = f"{len(found)} of {len(done)} found, in {median} seeds by the median"
    print(f"{told} and {most} at the most")  # noqa: T201 - as above
    silent = sorted({law for find in done for law in find.silent})
    spoke = {law for find in done for law in find.spoke}
    what = f"; silent: {', '.join(silent)}" if silent else ""
    print(f"{len(spoke)} laws have spoken, each where it should{what}")  # noqa: T201 - as above
    return int(len(found) < len(done) or bool(silent))


if __name__ == "__main__":
    sys.exit(main())
