"""Waits for Temporal and sets its namespace up: search attributes, thirty days of retention.

May be repeated. Only "Temporal does not answer" (exit code 7) is tried again; anything else is for
a person to read, at once. Not a shell's script, since the image that it runs in has no shell.
"""  # noqa: INP001 - a script, and no package

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

_UNREACHABLE = 7


def main() -> int:
    """Answers with the exit code of the last attempt."""
    attempts_max = int(os.environ.get("SETUP_ATTEMPTS", "60"))
    pause_s = float(os.environ.get("SETUP_PAUSE_S", "2"))
    program = shutil.which("cardhold") or "cardhold"
    code = _UNREACHABLE
    for attempt in range(attempts_max):
        if attempt:
            time.sleep(pause_s)
        code = subprocess.run([program, "setup"], check=False).returncode  # noqa: S603 - our own
        if code != _UNREACHABLE:
            return code
    sys.stderr.write(f"namespace: Temporal did not answer {attempts_max} times; giving up.\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
