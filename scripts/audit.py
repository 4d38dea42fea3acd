"""Audits what is installed; see `scripts/audit`, which runs it.

Without a network it still checks that both lock files name every package with a version and its
hashes, and lists the licences. How old a release was when it was locked is `scripts/lock`'s to keep
(``--exclude-newer``): a lock file does not tell.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
FOUND, NOT_CHECKED = 1, 3
# A database that does not answer in this time is not there; a whole audit takes seconds.
_ANSWER_WITHIN_S = 120
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", re.ASCII)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
_LICENCE_SHOWN_MAX = 60


class NotChecked(Exception):
    """Why nothing is known of vulnerabilities."""


def entries(lock: str) -> Iterator[str]:
    """Each requirement of a lock file with its hashes, as one line."""
    joined = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.strip() for line in joined.splitlines())
    return (line for line in lines if line and not line.startswith("#"))


def unpinned(lock: str) -> list[str]:
    """The entries of a lock file that could be installed as something else tomorrow."""
    return [
        entry.split(" ")[0]
        for entry in entries(lock)
        if not (_PINNED.match(entry) and _HASH.search(entry))
    ]


def locked() -> dict[str, str]:
    """Every locked package's version, by its name."""
    pinned = (_PINNED.match(entry) for lock in LOCKS for entry in entries(lock))
    return {found[1]: found[2] for found in pinned if found}


def licence(name: str) -> str:
    """What a package says it is licensed under; where it is not installed, nothing is known."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "not installed here"
    classifiers = told.get_all("Classifier") or []
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    text = told["License-Expression"] or ", ".join(named) or told["License"] or "unknown"
    return text.splitlines()[0][:_LICENCE_SHOWN_MAX]


def vulnerabilities() -> list[str]:
    """What is known against the locked packages, one line each.

    Raises:
        NotChecked: There is nobody to ask, or no answer.
    """
    program = shutil.which(os.environ.get("PIP_AUDIT") or "pip-audit")
    if program is None:
        raise NotChecked("pip-audit was not found; install it, or name it in PIP_AUDIT")
    words = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    try:
        # The second lock holds all that is in the first one.
        ended = subprocess.run(  # noqa: S603 - the program that the user has put there
            [program, "--requirement", ROOT / LOCKS[1], *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_ANSWER_WITHIN_S,
        )
        answer = cast("dict[str, Any]", json.loads(ended.stdout))
        return [line for package in answer["dependencies"] for line in _told_of(package)]
    except (OSError, subprocess.SubprocessError) as error:
        raise NotChecked(f"pip-audit did not end well: {type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise NotChecked("pip-audit gave no answer: is there a network?") from error


def _told_of(package: dict[str, Any]) -> Iterator[str]:
    if "skip_reason" in package:
        raise NotChecked(f"{package['name']} was left out: {package['skip_reason']}")
    for hole in package["vulns"]:
        mended = ", ".join(hole.get("fix_versions", [])) or "nothing yet"
        yield f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}"


def main() -> int:
    """Say what was found; answers with the exit code."""
    code = 0
    for lock in LOCKS:
        loose = unpinned(lock)
        print(f"{lock}: {', '.join(loose) or 'everything'} {'not ' * bool(loose)}pinned by hash")
        code = FOUND if loose else code
    print("\nLicences, as the packages tell them:")
    for name, version in locked().items():
        print(f"  {name} {version}: {licence(name)}")
    print("\nKnown vulnerabilities:")
    try:
        holes = vulnerabilities()
    except NotChecked as why:
        print(f"  could not be checked: {why}.")
        return code or NOT_CHECKED
    for hole in holes:
        print(f"  {hole}")
    if not holes:
        print("  none")
    return FOUND if holes else code


if __name__ == "__main__":
    sys.exit(main())
