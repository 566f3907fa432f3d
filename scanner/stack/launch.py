"""Runs in the application's sandbox in front of its server, and then becomes the server.

It reads one JSON object from the file named as its first argument::

    {"argv": ["gunicorn", …], "manage": {"path": "/srv/shop/manage.py", "sha256": "…"} or null,
     "collect": ["python", "-m", "django", "collectstatic", "--noinput"] or null, "collect_seconds": 60,
     "files": [{"path": "/srv/shop/static/x.css", "text": "…"}], "sockets": ["/run/shop.sock", "127.0.0.1:8000"],
     "own_user": false, "home": false}

It checks that the project's files are there, writes the canaries, collects static files, opens the sockets that systemd
would open, and executes the server. Standard library, Python 3.8, nothing of ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from typing import Any

EMPTY_TREE = 97
"""Exit code when the project's files are not there."""
NO_SERVER = 127
"""Exit code when the server cannot be executed."""
FIRST_FD = 3


def main(arguments: list[str]) -> int:
    """Prepare, then become the server. Returns an exit code only when something is wrong."""
    with open(arguments[1], encoding="utf-8") as file:
        plan = json.load(file)
    wrong = missing_files(plan.get("manage"))
    if wrong:
        say("the engine does not see the project's files: " + wrong)
        return EMPTY_TREE
    if shutil.which(plan["argv"][0]) is None:
        say("cannot start {}: it is not among the dependencies that were installed".format(plan["argv"][0]))
        return NO_SERVER
    # The canaries come first: collectstatic must not take a directory of its own for a foreign one.
    for canary in plan["files"]:
        write(canary["path"], canary["text"])
    if plan.get("collect"):
        collect(plan["collect"], plan["collect_seconds"])
    argv = plan["argv"]
    if plan.get("own_user"):
        # A configuration file that names another user must not win: this process cannot become anyone else.
        argv = [*argv, "--user", str(os.getuid()), "--group", str(os.getgid())]
    if plan.get("home"):
        # uWSGI brings an interpreter of its own, which knows nothing of this one's environment.
        argv = [*argv, "--home", sys.prefix]
    os.environ["VIRTUAL_ENV"] = sys.prefix
    try:
        activate(plan["sockets"])
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the server is what this program is for
    except OSError as error:
        say(f"cannot start {argv[0]}: {error}")
        return NO_SERVER


def say(text: str) -> None:
    """One line for the log."""
    print("seatrial: " + text, file=sys.stderr, flush=True)


def missing_files(expected: dict[str, Any] | None) -> str:
    """What is wrong with the project's files; empty when they are as they were sent."""
    if expected is None:
        return ""
    try:
        with open(expected["path"], "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        return str(error)
    return "" if found == expected["sha256"] else expected["path"] + " is another file"


def write(path: str, text: str) -> None:
    """Write a canary; one that cannot be written is told, and missed by the probe that looks for it."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        say(f"cannot write {path}: {error}")


def collect(argv: list[str], seconds: float) -> None:
    """Collect static files. A failure is told and does not stop the start."""
    try:
        done = subprocess.run(argv, stdout=sys.stderr, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        say(f"collectstatic: {error}")
        return
    say(f"collectstatic: exit code {done.returncode}")


def activate(addresses: list[str]) -> None:
    """Open sockets as systemd does for a socket unit (sd_listen_fds(3)); the server inherits them from number 3 on."""
    if not addresses:
        return
    opened = [listener(address) for address in addresses]
    # Two steps, so that no socket takes the number of another before that one has moved.
    moved = [os.dup2(os.dup(one.fileno()), 100 + index, inheritable=False) for index, one in enumerate(opened)]
    for one in opened:
        one.close()
    for index, descriptor in enumerate(moved):
        os.dup2(descriptor, FIRST_FD + index, inheritable=True)
        os.close(descriptor)
    os.environ["LISTEN_FDS"] = str(len(opened))
    os.environ["LISTEN_PID"] = str(os.getpid())


def listener(address: str) -> socket.socket:
    """A listening socket for ``/path``, ``host:port`` or ``port``, as ``ListenStream=`` writes them."""
    if address.startswith("/"):
        one = socket.socket(socket.AF_UNIX)
        one.bind(address)
        os.chmod(address, 0o666)  # noqa: S103 - what systemd does, where no SocketMode= says otherwise
    else:
        host, _, port = address.rpartition(":")
        one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((host.strip("[]") or "0.0.0.0", int(port)))
    one.listen(128)
    return one


if __name__ == "__main__":
    sys.exit(main(sys.argv))
