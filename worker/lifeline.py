"""Runs a server as a child that never outlives its parent, however that one dies.

Started as ``python -I lifeline.py <program> <arguments>`` with a pipe as standard input, whose
other end the parent keeps open and never writes to. It splits in two: one half becomes the
program, so that the process the parent started *is* the server; the other waits for the end of
the pipe, which the kernel brings about even when the parent is killed, and then stops the
server. Imports nothing of ours, so that it starts in milliseconds; works wherever POSIX does,
unlike Linux's parent-death signal, which also follows the parent's *thread* and not its process.
"""

from __future__ import annotations

import os
import signal
import sys
import time

# Temporal's server closes its database within a fraction of this.
_GRACE_S = 5.0
_STEP_S = 0.05


def main() -> None:
    """Become the program; leave a watcher behind."""
    program = sys.argv[1:]
    server = os.getpid()
    if os.fork() == 0:
        _watch(server)
        os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    try:
        os.execv(program[0], program)  # noqa: S606 - the program is ours to name
    except OSError as error:
        sys.stderr.write(f"{program[0]} cannot be run ({error.strerror})\n")
        os._exit(127)


def _watch(server: int) -> None:
    # Ctrl-C in a terminal goes to everyone; the watcher alone must stay until the pipe ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # The server's pipes are not ours to keep open: whoever reads them waits for their end.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    while os.read(0, 1):
        pass
    _stop(server)


def _stop(server: int) -> None:
    """Ask the server to stop, then make it; its number may belong to another by now."""
    deadline = time.monotonic() + _GRACE_S
    _send(server, signal.SIGTERM)
    while os.getppid() == server and time.monotonic() < deadline:
        time.sleep(_STEP_S)
    _send(server, signal.SIGKILL)


def _send(server: int, number: signal.Signals) -> None:
    # While it lives it is our parent; once it is dead, somebody else is.
    if os.getppid() == server:
        os.kill(server, number)


if __name__ == "__main__":
    main()
