"""Pages that are written by a script: written anew, or with --check compared."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def between(path: Path, name: str, inner: str) -> str:
    """The page's text with ``inner`` between the two markers of that name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        sys.exit(f"{name}: {path.name} needs the markers {begin} and {end}")
    return f"{before}{begin}\n{inner}{end}{after}"


def table(rows: list[list[str]]) -> str:
    """A table as GitHub draws it; the first row is its head."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def write_or_check(script: str, wanted: dict[Path, str]) -> int:
    """Do as the command line says; answers with the exit code."""
    if sys.argv[1:] not in ([], ["--check"]):
        print(f"usage: scripts/{script} [--check]", file=sys.stderr)
        return 2
    there = {path: path.read_text(encoding="utf-8") if path.exists() else "" for path in wanted}
    differing = [path for path in wanted if wanted[path] != there[path]]
    if sys.argv[1:] == ["--check"]:
        for path in differing:
            print(f"{path.relative_to(ROOT)} differs from what it is made of: run scripts/{script}")
        return 1 if differing else 0
    for path in differing:
        path.write_text(wanted[path], encoding="utf-8")
    return 0
