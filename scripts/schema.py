"""Write, or with --check compare, the JSON Schema of every message of the contract.

For callers in other languages: ``schemas/<Message>.json``, JSON Schema 2020-12. What spans
fields (an adjust has a total or a difference), the Luhn check and control characters are the
models' alone to judge.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pydantic import BaseModel  # noqa: E402 - the path comes first

from cardhold import messages  # noqa: E402 - the path comes first
from cardhold.errors import ErrorDetail  # noqa: E402 - the path comes first
from cardhold.hold import Hold, Plan  # noqa: E402 - the path comes first

FOLDER = ROOT / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
COMES_IN: tuple[type[BaseModel], ...] = (
    messages.HoldRequest, messages.Authorize, messages.Adjust, messages.Capture, messages.Release,
    messages.Reschedule, messages.Resolve, messages.Acknowledge, messages.Authorized,
    messages.Authenticated,
)  # fmt: skip
GOES_OUT: tuple[type[BaseModel], ...] = (Hold, Plan, ErrorDetail)

Schema = dict[str, Any]


def schemas() -> dict[str, str]:
    """The text of every schema, by file name."""
    incoming = {kind.__name__: _incoming(kind) for kind in COMES_IN}
    outgoing = {kind.__name__: kind.model_json_schema(mode="serialization") for kind in GOES_OUT}
    return {
        f"{name}.json": json.dumps({"$schema": DIALECT, **schema}, indent=2, sort_keys=True) + "\n"
        for name, schema in {**incoming, **outgoing}.items()
    }


def _incoming(kind: type[BaseModel]) -> Schema:
    schema = kind.model_json_schema(mode="validation")
    for part in (schema, *schema.get("$defs", {}).values()):
        _allow_null(cast("Schema", part))
    return schema


def _allow_null(schema: Schema) -> None:
    """``null`` counts as absent: whatever may be left out may be null."""
    if schema.get("title") in {"MoneyIn", "Difference"}:
        return
    required = set(cast("list[str]", schema.get("required", [])))
    for name, field in cast("dict[str, Schema]", schema.get("properties", {})).items():
        choices = cast("list[Schema]", field.get("anyOf", []))
        if name in required or {"type": "null"} in choices:
            continue
        outer = {key: field.pop(key) for key in ("title", "default", "description") if key in field}
        inner = choices or [dict(field)]
        field.clear()
        field |= {**outer, "anyOf": [*inner, {"type": "null"}]}


def _differing() -> list[str]:
    wanted = schemas()
    there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted | there if wanted.get(name) != there.get(name))


def main() -> int:
    """Do as the command line says; answers with the exit code."""
    if sys.argv[1:] == ["--check"]:
        if differing := _differing():
            print(f"schemas/ differs from the models ({', '.join(differing)}): run scripts/schema")
        return 1 if differing else 0
    if sys.argv[1:]:
        print("usage: scripts/schema [--check]", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name in _differing():
        (FOLDER / name).unlink(missing_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
