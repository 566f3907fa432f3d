"""A warm boot beside the bare command that does the least of the same work, in the same image.

    python benchmarks/boot_warm.py [--project article-good] [--times 7]

The bare command is `docker run IMAGE python manage.py check --deploy`, with the image that the boot made and the
environment that it found. Ours are the two boots, side by side: the production environment, and the empty one. Both
take turns, so that what else the machine does falls on both; the medians and the best are told, and their ratio.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scanner.boot.attempt import Booter
from scanner.boot.boot import Booted
from scanner.engine import Facts, discover_providers
from scanner.model import Options, Progress, Silent
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.docker import DockerEngine
from scanner.sandbox.interface import Engine

PROJECTS = Path(__file__).resolve().parent.parent / "fixtures" / "projects"


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.monotonic()
    run()
    return time.monotonic() - begun


def alone(booter: Booter, boot: Booted) -> None:
    """The boot with the production environment."""
    booter.production(boot.draft.plan, boot.installed, writable=boot.draft.writable, marks=boot.draft.marks)


def both(booter: Booter, boot: Booted) -> None:
    """The two boots at the same time, as a scan makes them."""
    with ThreadPoolExecutor(1) as pool:
        empty = pool.submit(booter.empty, boot.draft.plan, boot.installed, writable=boot.draft.writable)
        alone(booter, boot)
        empty.result()


def bare(image: str, boot: Booted) -> None:
    """`docker run … check --deploy`."""
    plan = boot.draft.plan
    environment = {**plan.environment, "PYTHONPATH": ":".join(plan.python_path)}
    options = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
    command = ["docker", "run", "--rm", "--network", "none", "--workdir", plan.directory, *options, image]
    done = subprocess.run(
        [*command, boot.installed.python, "manage.py", "check", "--deploy"], capture_output=True, check=False
    )
    if b"System check identified" not in done.stdout + done.stderr:
        sys.exit(f"the bare command failed:\n{done.stderr.decode(errors='replace')[-2000:]}")


def row(what: str, times: list[float], least: list[float]) -> str:
    """A line of the table."""
    middle, best = statistics.median(times), min(times)
    ratios = f"{middle / statistics.median(least):.2f} | {best:.2f} | {best / min(least):.2f}"
    return f"| {what} | {middle:.2f} | {ratios} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="article-good")
    parser.add_argument("--times", type=int, default=7)
    chosen = parser.parse_args()
    bundle = os.environ.get("SEATRIAL_TEST_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    options = Options(ca_bundle=Path(bundle) if bundle else None)
    [project] = find_projects(read_checkout(PROJECTS / chosen.project))
    with contextlib.closing(DockerEngine()) as engine:
        given = {Project: project, Checkout: project.checkout, Options: options, Progress: Silent(), Engine: engine}
        boot = Facts(discover_providers(("scanner.facts", "scanner.boot")), given).get(Booted)
        booter = Booter(engine, project.checkout, options, "00" * 16)
        process = booter.process(boot.draft.plan, boot.installed, {}, b"", writable=boot.draft.writable)
        image, _ = engine._image(process)  # noqa: SLF001 - the bare command is to run in the very same image
        one: list[float] = []
        two: list[float] = []
        least: list[float] = []
        for _ in range(chosen.times):
            least.append(seconds(lambda: bare(image, boot)))
            two.append(seconds(lambda: both(booter, boot)))
            one.append(seconds(lambda: alone(booter, boot)))
    print("| what | median s | ratio | best s | ratio |\n|---|---|---|---|---|")
    print(row("bare: docker run … check --deploy", least, least))
    print(row("one boot", one, least))
    print(row("both boots, side by side", two, least))
    return 0


if __name__ == "__main__":
    sys.exit(main())
