"""The ``cardhold`` command, where its code stands beside this package."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_USAGE = 2


def main() -> None:
    """Run the command and end the process with its exit code.

    The wheel that callers install holds the contract alone: there the command says so.
    """
    if not (_ROOT / "cli" / "main.py").is_file():
        sys.stderr.write(
            "cardhold: this installation holds the contract alone; "
            "the command runs from a checkout or from the image\n"
        )
        sys.exit(_USAGE)
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    try:
        importlib.import_module("cli.main").main()
    finally:
        # What is left of a Temporal client, dropped while the interpreter is already going down,
        # now and then aborts the process with 134 (temporalio issue 300): it is dropped here.
        gc.collect()


if __name__ == "__main__":
    main()
