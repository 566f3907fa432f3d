"""Getting the base commit into a clone that lacks it: a workflow's checkout holds one commit unless it is told more.

The fetch runs in a repository of ours, because the checkout's own configuration could send it, and the token with it,
to another server. The checkout is then told where the objects lie; only a copy of a checkout is ever changed like that.
"""

import base64
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scanner.project.git import ENVIRONMENT, HARDENED, GitFailed, ask

SECONDS = 60
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Remote:
    """A repository on a server."""

    address: str
    """``https://github.com/acme/shop``"""
    token: str = field(repr=False)


def missing_parent(root: Path) -> str | None:
    """The first parent that HEAD names, whether or not a shallow clone has it; None for a commit without one."""
    try:
        raw = ask(root, "cat-file", "commit", "HEAD")
    except GitFailed:
        return None
    for line in raw.partition("\n\n")[0].splitlines():
        word, _, name = line.partition(" ")
        if word == "parent" and _SHA.fullmatch(name):
            return name
    return None


def fetch_commit(root: Path, commit: str, remote: Remote, store: Path, environment: Mapping[str, str]) -> None:
    """Fetch one commit into a new repository at ``store``, and let the checkout at ``root`` find it there.

    ``environment`` gives the proxy and the certificates. Raises GitFailed, without the token in its text.
    """
    scheme = urlsplit(remote.address).scheme
    if scheme not in {"http", "https"} or not _SHA.fullmatch(commit):
        raise GitFailed("there is no address to fetch from")
    objects = Path(ask(root, "rev-parse", "--absolute-git-dir").rstrip("\n"), "objects")
    login = base64.b64encode(f"x-access-token:{remote.token}".encode()).decode()
    told = {
        **ENVIRONMENT,
        **{name: environment[name] for name in _PASSED_ON if name in environment},
        "GIT_ALLOW_PROTOCOL": scheme,
        # In the environment, not on the command line, and for this server alone.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{remote.address}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {login}",
    }
    _run(["init", "--quiet", "--bare", str(store)], ENVIRONMENT)
    _run(
        [
            *(f"--git-dir={store}", "-c", f"protocol.{scheme}.allow=always", "-c", "http.followRedirects=false"),
            *("fetch", "--quiet", "--no-tags", "--depth=1", "--end-of-options", remote.address, commit),
        ],
        told,
    )
    information = objects / "info"
    information.mkdir(exist_ok=True)
    with (information / "alternates").open("a", encoding="utf-8") as stream:
        stream.write(f"{store.resolve() / 'objects'}\n")


def _run(words: list[str], environment: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            ["git", *HARDENED, *words],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise GitFailed(type(problem).__name__) from None
    if done.returncode != 0:
        first = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise GitFailed(first[0] if first else f"git ended with {done.returncode}")
