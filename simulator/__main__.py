"""``python -m simulator``: the simulated gateways alone."""

import argparse
import asyncio
import sqlite3
import sys
from pathlib import Path

from simulator.faults import Unclear
from simulator.server import serve


def main() -> int:
    """Serve until stopped; answers with the process's exit code."""
    options = _options().parse_args()
    try:
        asyncio.run(serve(**vars(options)))
    except (OSError, sqlite3.Error, Unclear) as error:
        sys.stderr.write(f"The simulator cannot start: {str(error).rstrip('.')}.\n")
        return 1
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=8700, help="0 takes a free one (%(default)s)")
    parser.add_argument("--data", type=Path, help="a file that keeps the books; memory if absent")
    parser.add_argument("--seed", type=int, default=0, help="of the random faults (%(default)s)")
    parser.add_argument(
        "--fault-rate", type=float, default=0.0, help="probability of a random fault for each call"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
