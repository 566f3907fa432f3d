"""The time of each layer of a scan beside the bare commands that do the least of the same work.

Prints a Markdown table. The bare commands are `docker run … check --deploy` in an image that is there already, and
`docker compose up`, as many requests as the scan makes, and `down`. Everything is timed warm: caches are filled first,
and the best of several runs counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
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


def scan(project: str, engine: str, ca: str | None, times: int) -> list[tuple[str, float]]:
    """Seconds of each layer, and of the whole command, of the quickest warm scan."""
    argv = [sys.executable, "-m", "scanner", "scan", str(PROJECTS / project), "--engine", engine, "--quiet"]
    argv += ["--ca-bundle", ca] if ca else []
    runs: list[tuple[float, list[tuple[str, float]]]] = []
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        for _ in range(times + 1):
            start = time.monotonic()
            call(*argv, "--json", str(result), cwd=ROOT, accept=(0, 1, 3))
            whole = time.monotonic() - start
            document = json.loads(result.read_text(encoding="utf-8"))
            layers = [
                (f"layer {layer['name']} ({layer['status']})", float(layer["seconds"]))
                for entry in document["projects"]
                for layer in entry["layers"]
            ]
            runs.append((whole, [*layers, ("whole command", whole)]))
    return min(runs[1:])[1]


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


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", default="article-good,article-bad,compose-good,compose-bad,no-proxy")
    parser.add_argument("--engines", default="docker,local")
    parser.add_argument("--requests", type=int, default=100, help="requests of the bare stack")
    parser.add_argument("--times", type=int, default=3, help="runs, of which the best counts")
    parser.add_argument(
        "--ca-bundle", default=os.environ.get("SEATRIAL_TEST_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    )
    parser.add_argument("--no-bare", action="store_true")
    chosen = parser.parse_args()

    print("| what | seconds |\n|---|---|")
    if not chosen.no_bare:
        build(chosen.ca_bundle)
        env = environment()
        print(f"| bare: docker run … check --deploy | {bare_check(env, chosen.times):.2f} |", flush=True)
        seconds = bare_stack(env, chosen.requests, chosen.times)
        print(f"| bare: compose up, {chosen.requests} requests, down | {seconds:.2f} |", flush=True)
    for project in filter(None, chosen.projects.split(",")):
        for engine in chosen.engines.split(","):
            for what, seconds in scan(project, engine, chosen.ca_bundle, chosen.times):
                print(f"| {project}, {engine}: {what} | {seconds:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
