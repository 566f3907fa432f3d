"""Records what fixture projects answer to the probes: ``python -m tests.probes.record ENGINE PROJECT...``.

Run it on a machine with that engine whenever a probe asks something new, and read the difference before you keep it.
"""

import base64
import contextlib
import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import copytree
from typing import Any

from scanner.engine import Facts, discover_providers
from scanner.facts.live_stack import LiveStack
from scanner.facts.settings import Settings, Urlconf
from scanner.model import ControlFailed, Exchange, Layer, NoResponse, Options, Progress, Response, Silent, Unavailable
from scanner.probes.error_pages import DEBUG_MARKERS, LEAK_MARKERS
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.interface import Engine, EngineFailed
from scanner.sandbox.select import choose
from tests.probes.recorded import NONCE, PROJECTS, RECORDINGS, question_of

KEPT = (
    *("ALLOWED_HOSTS", "APPEND_SLASH", "CSRF_COOKIE_NAME", "CSRF_HEADER_NAME", "CSRF_TRUSTED_ORIGINS"),
    *("LANGUAGE_COOKIE_NAME", "LOGIN_URL", "SECURE_PROXY_SSL_HEADER", "SECURE_REDIRECT_EXEMPT", "SESSION_COOKIE_NAME"),
)
LONGEST = 600
"""Characters of a body; of longer ones only the lines with markers are kept."""
PASSING = frozenset({"date", "last-modified", "etag", "expires"})


def started(engine_name: str, project_name: str, cleanup: contextlib.ExitStack) -> Facts:
    """The facts of a fixture project on an engine; everything is stopped with ``cleanup``."""
    copy = Path(cleanup.enter_context(tempfile.TemporaryDirectory()), project_name)
    copytree(PROJECTS / project_name, copy)
    subprocess.run(["git", "init", "-q"], cwd=copy, check=True)
    subprocess.run(["git", "add", "-A"], cwd=copy, check=True)
    bundle = os.environ.get("SEATRIAL_TEST_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    options = Options(
        ca_bundle=Path(bundle) if bundle else None, index_url=os.environ.get("SEATRIAL_TEST_INDEX_URL") or None
    )
    engine, reasons = choose(engine_name, options)
    if engine is None:
        raise EngineFailed("; ".join(reasons))
    cleanup.callback(engine.close)
    checkout = read_checkout(copy)
    (project,) = find_projects(checkout, ())
    return Facts(
        discover_providers(),
        {
            Project: project.with_options(options),
            Checkout: checkout,
            Options: options,
            Engine: engine,
            Progress: Silent(),
            contextlib.ExitStack: cleanup,
        },
    )


def record(engine_name: str, project_name: str) -> None:
    """Write the recording of one project."""
    with contextlib.ExitStack() as cleanup:
        facts = started(engine_name, project_name, cleanup)
        live = facts.get(LiveStack)
        for kind in facts.kinds(Layer.STACK):
            try:
                facts.get(kind)
            except (Unavailable, ControlFailed) as error:
                print(f"{project_name}: {kind.__name__}: {error}")  # noqa: T201 - a tool for people
        lines = [_head(live, facts.get(Settings), facts.get(Urlconf))]
        lines += {question_of(one.request): _line(one) for one in live.sender.finished}.values()
        text = "\n".join(json.dumps(one, ensure_ascii=False) for one in lines) + "\n"
        text = text.replace(live.nonce, NONCE).replace(live.nonce.upper(), NONCE.upper())
        (RECORDINGS / f"{project_name}.jsonl").write_text(text, encoding="utf-8")


def _head(live: LiveStack, settings: Settings, urlconf: Urlconf) -> dict[str, Any]:
    doors = [{"scheme": door.scheme, "address": door.address, "port": door.port} for door in live.doors]
    stack = {
        field.name: getattr(live, field.name)
        for field in dataclasses.fields(live)
        if field.name not in {"sender", "doors", "site", "canaries", "stubs"}
    }
    return {
        "live": {
            **stack,
            "doors": doors,
            "site": dataclasses.asdict(live.site),
            "canaries": [dataclasses.asdict(one) for one in live.canaries],
            "stubs": [{"kind": one.kind, "what": one.what, "why": one.why} for one in live.stubs],
        },
        "settings": {
            "module": settings.module,
            "values": {name: settings.value(name) for name in KEPT},
            "explicit": sorted(settings.explicit & set(KEPT)),
            "middleware": [one.path for one in settings.middleware],
            "installed_apps": settings.installed_apps,
        },
        "urlconf": {
            "routes": [one.pattern for one in urlconf.routes],
            "admin_prefixes": urlconf.admin_prefixes,
            "login_paths": urlconf.login_paths,
        },
    }


def _line(one: Exchange) -> dict[str, Any]:
    asked: dict[str, Any] = {"ask": question_of(one.request)}
    if one.tls is not None and (one.request.tls_version or one.request.ciphers):
        asked["tls"] = {"version": one.tls.version, "cipher": one.tls.cipher}
    if isinstance(one.answer, NoResponse):
        return {**asked, "cause": one.answer.cause.value}
    more = [_response(answer) for answer in one.more]
    return {**asked, **_response(one.answer), **({"more": more} if more else {})}


def _response(answer: Response) -> dict[str, Any]:
    headers = [[name, _shown(name, value)] for name, value in answer.headers if name.lower() not in PASSING]
    try:
        body = {"body": _shortened(answer.body.decode())}
    except UnicodeDecodeError:
        body = {"base64": base64.b64encode(answer.body[:LONGEST]).decode()}
    return {"status": answer.status, "headers": headers, **body}


def _shown(name: str, value: str) -> str:
    """Values of cookies are not kept."""
    return re.sub(r"^([^=;]+)=[^;]*", r"\1=x", value) if name.lower() == "set-cookie" else value


def _shortened(body: str) -> str:
    """A debug page shows the settings: of such pages only the marked lines are kept."""
    if len(body) <= LONGEST:
        return body
    kept = [marker for marker in (*DEBUG_MARKERS, *LEAK_MARKERS) if marker in body]
    return "\n".join(["<!-- shortened -->", *kept]) if kept else body[:LONGEST]


if __name__ == "__main__":
    for name in sys.argv[2:]:
        record(sys.argv[1], name)
