"""The worker's configuration: can it be read, do its figures fit together, is it the right world.

What a worker refuses to start with is asked of the worker's own rules. The others are figures
that it takes, and that would cost somebody an answer or a hold on a bad day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from cardhold.client import ANSWER_WITHIN
from cardhold.fields import duration_text
from cardhold.hold import OperationKind
from domain.capabilities import ANY_HOST
from gateways.account import AccountSettings
from worker.cannot_start import CannotStart
from worker.doctor.cluster import is_loopback
from worker.doctor.results import Result, Results, cannot_look, finding, ok
from worker.settings import CONFIG, Settings
from worker.times import check_times

# How gateways and people call what is not production. Whole words of a host's name, or of an
# `environment`: `latest` is no test.
_TEST_WORDS = frozenset({
    "demo", "dev", "development", "local", "localhost", "preprod", "qa", "qly", "sandbox",
    "simulated", "simulator", "stage", "staging", "stg", "test", "testing", "uat",
})  # fmt: skip
_MEND = f"mend it in the file that {CONFIG} names"


def read(load: Callable[[], Settings] | None) -> tuple[Result, Settings | None]:
    """Whether a worker would start with the configuration, its secrets included.

    Args:
        load: Reads it; None where this machine has none.
    """
    check = "configuration"
    if load is None:
        says = f"{CONFIG} is not set here"
        return cannot_look(check, says, "run it where a worker runs, with its settings"), None
    try:
        told = load()
    except CannotStart as refused:
        return finding(check, str(refused).removesuffix("."), "mend it: no worker starts so"), None
    count = len(told.accounts)
    accounts = f"{count} account{'s' if count > 1 else ''}"
    return ok(check, f"{accounts}, every secret is there: {', '.join(told.accounts)}"), told


def fitting(told: Settings) -> Results:
    """Whether the figures fit together, and each account sees what it must and says where it is."""
    wrong = list(dict.fromkeys([*_refused(told), *_unwise(told)]))
    times = [finding("time-outs", says, _MEND) for says in wrong] or [
        ok("time-outs", "each leaves room for the one inside it")
    ]
    strange = [says for name, account in told.accounts.items() for says in _world(name, account)]
    worlds = [finding("environments", says, _MEND) for says in strange] or [
        ok("environments", "every account's gateway is of the world that its environment says")
    ]
    blind = [finding("look-ups", says, _MEND) for says in _blind(told)] or [
        ok("look-ups", "an authorization whose answer was lost is found, or a key guards it")
    ]
    return [*times, *worlds, *blind]


def origins(told: Settings) -> dict[str, list[str]]:
    """Every gateway's address that is called, with the accounts that call it."""
    found: dict[str, list[str]] = {}
    for name, account in told.accounts.items():
        for url in urls(account):
            parts = urlsplit(url)
            found.setdefault(f"{parts.scheme}://{parts.netloc}", []).append(name)
    return {origin: list(dict.fromkeys(names)) for origin, names in found.items()}


def urls(account: AccountSettings) -> list[str]:
    """The addresses of one account's gateway."""
    fields: Mapping[str, object] = dict(account)
    return [str(value) for name, value in fields.items() if name.endswith("_url")]


def _refused(told: Settings) -> Iterator[str]:
    """What a worker would not start with; it says the first one, we say one for each account."""
    for name, account in told.accounts.items():
        try:
            check_times(Settings({name: account}, told.worker))
        except CannotStart as refused:
            yield str(refused).removesuffix(".")


def _unwise(told: Settings) -> Iterator[str]:
    for name, account in told.accounts.items():
        for what, is_now, rule, bound, why in _rules(account):
            if is_now > bound if rule == "at most" else is_now < bound:
                figures = f"{what} is {duration_text(is_now)}, {rule} {duration_text(bound)}"
                yield f"the account {name}: {figures} would be right: {why}"


def _rules(
    account: AccountSettings,
) -> Iterable[tuple[str, timedelta, str, timedelta, str]]:
    """Each figure with its bound, and what it costs to be beyond."""
    margin = account.safety_margin
    yield (
        "safety_margin", margin, "at most", account.hold_window / 2,
        "it is cut to half of what a hold lives",
    )  # fmt: skip
    yield (
        "answer_within", account.answer_within, "at most", ANSWER_WITHIN,
        "callers wait no longer than that",
    )  # fmt: skip
    yield (
        "look_up_for", account.look_up_for, "at least", account.processing_time,
        "a person would be called before the gateway can have booked",
    )  # fmt: skip
    yield (
        "look_up_for", account.look_up_for, "at most", margin,
        "a person would be told of a deadline's lost answer after the hold has lapsed",
    )  # fmt: skip
    yield (
        "processing_time", account.processing_time, "at most", margin / 2,
        "what is sent at the deadline could not be looked up before the hold lapses",
    )  # fmt: skip
    if not all(is_loopback(urlsplit(url).hostname or "") for url in urls(account)):
        yield (
            "processing_time", account.processing_time, "at least", account.call_time_out,
            "a call that is still under way would be taken for one that never was",
        )  # fmt: skip


def _blind(told: Settings) -> Iterator[str]:
    """Where a second start cannot see what the first has held, and no key keeps it from holding."""
    for name, account in told.accounts.items():
        can = account.capabilities()
        if not can.finds and OperationKind.AUTHORIZE not in can.idempotent:
            yield (
                f"the account {name} finds no authorization by its reference, and its gateway knows"
                " no keys: a reservation that is started again after a terminated run holds twice"
            )


def _world(name: str, account: AccountSettings) -> Iterator[str]:
    """Where the name of the environment and the gateway's address tell different stories."""
    is_test = bool(_words(account.environment) & _TEST_WORDS)
    for url in urls(account):
        host = urlsplit(url).hostname or ""
        at_test = is_loopback(host) or bool(_words(host) & _TEST_WORDS)
        if is_test and not at_test:
            yield (
                f"the account {name} says environment {account.environment!r}, and {host} looks"
                " like production: real money would move"
            )
        elif at_test and not is_test:
            yield (
                f"the account {name} says environment {account.environment!r}, and {host} looks"
                " like a test environment: its keys would be production's"
            )
    if ANY_HOST in account.allowed_return_hosts and not is_test:
        yield f"the account {name} sends guests back to any host: name its allowed_return_hosts"


def _words(text: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", text.lower()))
