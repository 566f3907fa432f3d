"""The time of each layer of a scan beside the bare commands that do the least of the same work.

Prints a Markdown table. The bare commands are `docker run … check --deploy` in an image that is there already, and
`docker compose up`, as many requests as the scan makes, and `down`. Everything is timed warm: caches are filled first,
and the best of several runs counts. The last column is the ratio to the bare command of the same layer, and for a
whole scan to both of them together.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = ROOT / "fixtures" / "projects"
BARE = "seatrial-bench-app"
PORT = 18480
DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /srv/app
COPY requirements.txt .
RUN --mount=type=secret,id=ca if [ -f /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \\
    pip install --quiet --no-cache-dir --root-user-action ignore -r requirements.txt
COPY . .
"""
COMPOSE = """\
services:
  app:
    image: {image}
    command: gunicorn --bind 0.0.0.0:8000 config.wsgi
    env_file: [app.env]
  proxy:
    image: nginx:1.29
    ports: ["127.0.0.1:{port}:80"]
    configs: [{{source: site, target: /etc/nginx/conf.d/default.conf}}]
    depends_on: [app]
configs:
  site:
    content: "server {{ listen 80; location / {{ proxy_pass http://app:8000; proxy_set_header Host shop.example; }} }}"
"""


def best(run: Callable[[], None], times: int) -> float:
    """The seconds of the quickest of several runs."""
    seconds = []
    for _ in range(times):
        start = time.monotonic()
        run()
        seconds.append(time.monotonic() - start)
    return min(seconds)


def call(*argv: str, cwd: Path | None = None, accept: tuple[int, ...] = (0,)) -> str:
    """Run a command; its standard output."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode not in accept:
        sys.exit(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


@dataclass(frozen=True)
class Scan:
    """One scan: seconds of the whole command and of each layer, the layers' states, and how much was asked."""

    whole: float
    layers: dict[str, float]
    states: dict[str, str]
    exchanges: int


def scan(project: str, engine: str, ca: str | None, times: int) -> Scan:
    """The quickest warm scan."""
    argv = [sys.executable, "-m", "scanner", "scan", str(PROJECTS / project), "--engine", engine, "--quiet"]
    argv += ["--ca-bundle", ca] if ca else []
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        for _ in range(times + 1):
            start = time.monotonic()
            call(*argv, "--json", str(result), cwd=ROOT, accept=(0, 1, 3))
            whole = time.monotonic() - start
            runs.append(told(whole, json.loads(result.read_text(encoding="utf-8"))))
    return min(runs[1:], key=lambda one: one.whole)


def told(whole: float, document: dict[str, list[dict[str, list[dict[str, object]]]]]) -> Scan:
    """What a JSON report says of its layers; those of several projects are added up."""
    seconds: dict[str, float] = {}
    states: dict[str, str] = {}
    exchanges = 0
    for layer in (layer for entry in document["projects"] for layer in entry["layers"]):
        name = str(layer["name"])
        seconds[name] = seconds.get(name, 0.0) + float(str(layer["seconds"]))
        states[name] = str(layer["status"])
        exchanges += sum(int(count) for count in re.findall(r"'(\d+) exchanges'", str(layer["notes"])))
    return Scan(whole, seconds, states, exchanges)


def environment() -> dict[str, str]:
    """What article-good's settings want."""
    example = (PROJECTS / "article-good" / ".env.example").read_text(encoding="utf-8")
    pairs = [line.partition("=") for line in example.splitlines() if "=" in line and not line.startswith("#")]
    values = {name.strip(): value.strip() for name, _, value in pairs}
    return {**values, "DJANGO_SETTINGS_MODULE": "config.settings.production"}


def bare_check(env: dict[str, str], times: int) -> float:
    """`docker run … python manage.py check --deploy` without any network."""
    options = [part for name, value in env.items() for part in ("--env", f"{name}={value}")]
    argv = ("docker", "run", "--rm", "--network", "none", *options, BARE, "python", "manage.py", "check", "--deploy")
    return best(lambda: _ignore(call(*argv, accept=(0, 1))), times + 1)


def bare_stack(env: dict[str, str], requests: int, times: int) -> float:
    """Compose up, the requests one after the other, down."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "compose.yml").write_text(COMPOSE.format(image=BARE, port=PORT), encoding="utf-8")
        (folder / "app.env").write_text("".join(f"{key}={value}\n" for key, value in env.items()), encoding="utf-8")
        compose = ("docker", "compose", "--project-name", "seatrial-bench", "--file", str(folder / "compose.yml"))

        def run() -> None:
            try:
                call(*compose, "up", "--detach")
                _wait()
                for _ in range(requests):
                    _ask()
            finally:
                call(*compose, "down", "--timeout", "0")

        return best(run, times)


def _ask() -> int:
    """The status of one request; 0 if nothing answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(f"http://127.0.0.1:{PORT}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def _wait() -> None:
    for _ in range(200):
        if _ask() not in {0, 502}:
            return
        time.sleep(0.05)
    sys.exit("the bare stack does not answer")


def _ignore(_: str) -> None:
    return


def build(ca: str | None) -> None:
    """The image of the bare commands; not timed."""
    with tempfile.TemporaryDirectory() as name:
        dockerfile = Path(name) / "Dockerfile"
        dockerfile.write_text(DOCKERFILE, encoding="utf-8")
        secret = ["--secret", f"id=ca,src={ca}"] if ca else []
        call(
            "docker",
            "build",
            "--quiet",
            *secret,
            "--tag",
            BARE,
            "--file",
            str(dockerfile),
            str(PROJECTS / "article-good"),
        )


def row(what: str, seconds: float, least: float | None) -> str:
    """A line of the table; no ratio where no bare command does the same."""
    return f"| {what} | {seconds:.2f} | {f'{seconds / least:.1f}' if least else ''} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", default="article-good,article-bad,compose-good,compose-bad,no-proxy")
    parser.add_argument("--engines", default="docker,local")
    parser.add_argument("--requests", type=int, help="requests of the bare stack (default: as many as a scan makes)")
    parser.add_argument("--times", type=int, default=3, help="runs, of which the best counts")
    parser.add_argument(
        "--ca-bundle", default=os.environ.get("SEATRIAL_TEST_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    )
    parser.add_argument("--no-bare", action="store_true")
    chosen = parser.parse_args()

    scans = {
        (project, engine): scan(project, engine, chosen.ca_bundle, chosen.times)
        for project in chosen.projects.split(",")
        for engine in chosen.engines.split(",")
    }
    bare: dict[str, float] = {}
    print("| what | seconds | ratio |\n|---|---|---|")
    if not chosen.no_bare:
        build(chosen.ca_bundle)
        env = environment()
        requests = chosen.requests or max(one.exchanges for one in scans.values())
        bare = {"boot": bare_check(env, chosen.times), "stack": bare_stack(env, requests, chosen.times)}
        print(f"| bare: docker run … check --deploy | {bare['boot']:.2f} | 1 |")
        print(f"| bare: compose up, {requests} requests, down | {bare['stack']:.2f} | 1 |")
    for (project, engine), one in scans.items():
        for layer, seconds in one.layers.items():
            name = f"{project}, {engine}: layer {layer} ({one.states[layer]})"
            print(row(name, seconds, bare.get(layer)))
        print(row(f"{project}, {engine}: whole command", one.whole, sum(bare.values()) or None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
