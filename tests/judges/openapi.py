"""GitHub's own description of its API as a judge of requests and answers."""

import functools
import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DESCRIPTION = json.loads(Path(__file__).with_name("github-openapi.json").read_text(encoding="utf-8"))


@functools.cache
def _templates() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in DESCRIPTION["paths"])


def operation(method: str, path: str) -> dict[str, Any]:
    """The description of this request. Raises LookupError for one that GitHub does not know, or that we do not send."""
    for pattern, template in _templates():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = DESCRIPTION["paths"][template].get(method.lower())
            if found is not None:
                return found
    raise LookupError(f"{method} {path} is not in GitHub's description")


def _schema(holder: dict[str, Any]) -> dict[str, Any] | None:
    while "$ref" in holder:
        holder = _resolved(holder["$ref"])
    content = holder.get("content", {}).get("application/json")
    return None if content is None else content["schema"]


def _resolved(reference: str) -> dict[str, Any]:
    _, _, kind, name = reference.split("/")
    found: dict[str, Any] = DESCRIPTION["components"][kind][name]
    return found


def _validate(schema: dict[str, Any], value: object) -> None:
    Draft202012Validator({**schema, "components": DESCRIPTION["components"]}).validate(value)


def check_request(method: str, path: str, body: object) -> None:
    """Raises ValidationError or LookupError unless GitHub takes this request."""
    holder = operation(method, path).get("requestBody")
    schema = _schema(holder) if holder is not None else None
    if schema is None:
        assert body is None, f"{method} {path} takes no body"
        return
    _validate(schema, body)


def check_answer(method: str, path: str, status: int, value: object) -> None:
    """Raises ValidationError unless GitHub would answer like this; statuses that it does not describe are free."""
    holder = operation(method, path)["responses"].get(str(status))
    schema = _schema(holder) if holder is not None else None
    if schema is not None:
        _validate(schema, value)


def answer(method: str, path: str, status: int, **fields: object) -> Any:
    """A smallest answer that the description allows, with these fields set."""
    schema = _schema(operation(method, path)["responses"][str(status)])
    assert schema is not None
    made = smallest(schema)
    assert isinstance(made, dict)
    return made | fields


def item(method: str, path: str, status: int, **fields: object) -> Any:
    """One element of a list that is the answer."""
    schema = _schema(operation(method, path)["responses"][str(status)])
    assert schema is not None
    made = smallest(schema["items"])
    assert isinstance(made, dict)
    return made | fields


def smallest(schema: dict[str, Any]) -> object:
    """A smallest value that a schema allows."""
    if "$ref" in schema:
        return smallest(_resolved(schema["$ref"]))
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return smallest(schema[several][0])
    if "allOf" in schema:
        return {key: value for each in schema["allOf"] for key, value in _smallest_object(each).items()}
    if "enum" in schema:
        return schema["enum"][0]
    return _smallest_value(schema)


def _smallest_value(schema: dict[str, Any]) -> object:
    match schema.get("type", "object"):
        case list():
            return None
        case "string":
            return "2026-11-22T16:00:00Z" if schema.get("format") == "date-time" else "https://x.example/"
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case "array":
            return []
        case _:
            return _smallest_object(schema)


def _smallest_object(schema: dict[str, Any]) -> dict[str, object]:
    if "$ref" in schema:
        return _smallest_object(_resolved(schema["$ref"]))
    return {key: smallest(schema["properties"][key]) for key in schema.get("required", [])}
