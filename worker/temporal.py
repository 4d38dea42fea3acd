"""Connects to Temporal, and says in one sentence why that did not work."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConnectConfig
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from worker.cannot_start import TEMPORAL_UNREACHABLE, CannotStart
from worker.settings import TEMPORAL_ADDRESS

_CONNECT_WITHIN = timedelta(seconds=10)
_NO_ANSWER = frozenset({
    RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED,
})  # fmt: skip
# What the SDK's connector says -> how a person says it. Its own text is a dump of Rust values.
_CAUSES = (
    ("ConnectionRefused", "nobody listens there"),
    ("dns error", "its name is not known"),
    ("certificate", "its certificate is not accepted"),
    ("Unauthenticated", "it does not accept our credentials"),
    ("PermissionDenied", "it does not accept our credentials"),
    ("Unimplemented", "something else than Temporal answers there"),
)


async def connect(
    connection: ClientConnectConfig,
    *,
    data_converter: DataConverter = DataConverter.default,
    runtime: Runtime | None = None,
) -> Client:
    """Connect, or say why not.

    Raises:
        CannotStart: Temporal does not answer (exit code 7), or the address is none (2).
    """
    address = connection.get("target_host", TEMPORAL_ADDRESS)
    try:
        return await Client.connect(
            address,
            namespace=connection.get("namespace", "default"),
            api_key=connection.get("api_key"),
            tls=connection.get("tls"),
            rpc_metadata=connection.get("rpc_metadata", {}),
            data_converter=data_converter,
            runtime=runtime,
            connect_timeout=_CONNECT_WITHIN,
        )
    except RuntimeError as error:
        raise CannotStart(
            f"Temporal does not answer at {address}{_cause(error)}: start it, or set"
            " TEMPORAL_ADDRESS.",
            exit_code=TEMPORAL_UNREACHABLE,
        ) from error
    except (ValueError, TypeError) as error:
        raise CannotStart(f"TEMPORAL_ADDRESS is not an address: {error}.") from error


def refusal(error: RPCError, namespace: str) -> CannotStart:
    """Why Temporal did not do what was asked, for whoever has to change that."""
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return CannotStart(f"The namespace {namespace} is missing: run `cardhold setup`.")
        case RPCStatusCode.PERMISSION_DENIED | RPCStatusCode.UNIMPLEMENTED:
            return CannotStart(
                f"Temporal lets us change nothing in the namespace {namespace}: give what"
                " `cardhold setup --print` prints to whoever may."
            )
        case RPCStatusCode.UNAUTHENTICATED:
            return CannotStart("Temporal does not accept our credentials: see TEMPORAL_API_KEY.")
        case status if status in _NO_ANSWER:
            return CannotStart(
                f"Temporal stopped answering ({error.message}).", exit_code=TEMPORAL_UNREACHABLE
            )
        case _:
            return CannotStart(f"Temporal refused: {error.message}.")


def _cause(error: RuntimeError) -> str:
    text = str(error).lower()
    told = next((cause for sign, cause in _CAUSES if sign.lower() in text), None)
    return f" ({told})" if told else ""
