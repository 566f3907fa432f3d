"""Make `github-openapi.json` anew: GitHub's own description of the few requests that we send, as JSON Schema.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python tests/judges/trim_openapi.py package/generated/api.github.com.json

The description is @octokit/openapi's (MIT licence, see LICENSE-octokit-openapi). OpenAPI 3.0 writes `nullable`, which
no validator of JSON Schema knows: it becomes a type here.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WANTED = {
    "/user": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/files": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews": ["post"],
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ["patch", "delete"],
    "/repos/{owner}/{repo}/pulls": ["get"],
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": ["get"],
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": ["get"],
}
NOISE = {"description", "example", "examples", "externalDocs", "summary", "tags", "title", "x-github", "x-octokit"}
SCHEMA_KEYS = {"type", "$ref", "anyOf", "oneOf", "allOf", "properties"}


def trimmed(value: Any) -> Any:
    """Without prose. A property that is called `title` or `description` is a schema, and stays."""
    if isinstance(value, list):
        return [trimmed(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: trimmed(each)
        for key, each in value.items()
        if key not in NOISE or (isinstance(each, dict) and SCHEMA_KEYS & each.keys())
    }
    if kept.pop("nullable", False) is not True:
        return kept
    if isinstance(kept.get("type"), str):
        kept["type"] = [kept["type"], "null"]
        if "enum" in kept:
            kept["enum"] = [*kept["enum"], None]
        return kept
    return {"anyOf": [kept, {"type": "null"}]}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def trim(description: dict[str, Any]) -> dict[str, Any]:
    paths = {path: {each: trimmed(description["paths"][path][each]) for each in WANTED[path]} for path in WANTED}
    components: dict[str, dict[str, Any]] = {}
    waiting: list[Any] = [paths]
    while waiting:
        for reference in references(waiting.pop()):
            _, _, kind, name = reference.split("/")
            if name not in components.setdefault(kind, {}):
                components[kind][name] = trimmed(description["components"][kind][name])
                waiting.append(components[kind][name])
    information = {"title": "GitHub REST API, trimmed", "version": description["info"]["version"], "license": "MIT"}
    return {"openapi": description["openapi"], "info": information, "paths": paths, "components": components}


if __name__ == "__main__":
    made = trim(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    text = json.dumps(made, indent=1, sort_keys=True)
    Path(__file__).with_name("github-openapi.json").write_text(text + "\n", encoding="utf-8")
