"""How payloads become values on our side: never by raising before a handler has seen them.

Temporal decodes a message's payloads before it calls the handler. A signal that does not
decode is dropped with a log line, and a start or an update that doesn't stalls the workflow.
So handlers take their payloads raw (they declare ``*args``) and read them themselves;
activities, which only we call, declare their types.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter


class RawUnlessTyped(PydanticPayloadConverter):
    """Pydantic's JSON where a type is declared, the payload itself where none is."""

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        if type_hints is None:
            return [RawValue(payload) for payload in payloads]
        return super().from_payloads(payloads, type_hints)


class WithoutTraces(DefaultFailureConverter):
    """Failures as they are, less the stack trace: no history needs the paths of our machines."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        # Not even formatted: that reads the source of each frame, for every refusal.
        trace, exception.__traceback__ = exception.__traceback__, None
        try:
            super().to_failure(exception, payload_converter, failure)
        finally:
            exception.__traceback__ = trace
        failure.stack_trace = ""


data_converter = DataConverter(
    payload_converter_class=RawUnlessTyped, failure_converter_class=WithoutTraces
)
