"""How many projects boot with no options at all: run on a folder of checkouts, one below the other.

    python benchmarks/boot.py FOLDER --engine local --write benchmarks/boot.md

Each row of the table is one Django project: what was chosen, how many boots it took, seconds, and for a failure the
message that the report would have. Nothing of the projects is kept.
"""

import argparse
import contextlib
import datetime as dt
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from scanner.boot.failed import BootFailed
from scanner.engine import BrokenProvider, Facts, discover_providers
from scanner.facts.boot_plan import BootPlan, VariableSource
from scanner.facts.settings import EmptyEnvBoot, Settings
from scanner.model import Layer, Options, Progress, ProviderSpec, SeatrialError, Unavailable
from scanner.project import Checkout, Project, find_projects, read_checkout
from scanner.sandbox.interface import Engine
from scanner.sandbox.select import choose


@dataclass
class Steps:
    """Counts what the boot says that it does."""

    loud: bool
    boots: int = 0
    log: list[str] = field(default_factory=list)

    def step(self, text: str) -> None:
        """One step."""
        self.boots += text.startswith("booting")
        if self.loud:
            print(f"    {text}", file=sys.stderr)


@dataclass(frozen=True)
class Row:
    """One project."""

    name: str
    settings: str
    python: str
    django: str
    boots: int
    given: int
    made_up: int
    seconds: float
    empty: str
    problem: str
    notes: tuple[str, ...] = ()


def boot(project: Project, engine: Engine, options: Options, *, loud: bool, name: str) -> Row:
    """Boot one project."""
    steps = Steps(loud)
    providers: dict[type, ProviderSpec] = dict(discover_providers(("scanner.facts", "scanner.boot")))
    given = {Project: project, Checkout: project.checkout, Options: options, Engine: engine, Progress: steps}
    facts = Facts(providers, given, (Layer.FILES, Layer.BOOT))
    begun = time.monotonic()
    try:
        settings = facts.get(Settings)
        plan = facts.get(BootPlan)
        empty = facts.get(EmptyEnvBoot)
    except (BootFailed, Unavailable, BrokenProvider) as problem:
        return Row(name, "", "", "", steps.boots, 0, 0, time.monotonic() - begun, "", str(problem))
    made_up = sum(one.source is VariableSource.PLACEHOLDER for one in plan.variables)
    return Row(
        name, settings.module, settings.python_version, settings.django_version, steps.boots,
        len(plan.variables) - made_up, made_up, time.monotonic() - begun, "yes" if empty.booted else "no", "",
        plan.notes,
    )  # fmt: skip


def table(rows: Iterable[Row], engine: str) -> str:
    """The rows as Markdown."""
    rows = list(rows)
    good = [row for row in rows if not row.problem]
    today = f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}"
    columns = ("project", "settings", "Python", "Django", "boots", "given", "made up", "seconds", "boots without")
    lines = [
        "# Booting projects that were never seen before",
        "",
        f"Made by `python benchmarks/boot.py FOLDER --engine {engine}` on {today}, with no options.",
        f"{len(good)} of {len(rows)} projects booted. Seconds include installing the dependencies where that was not",
        "cached. *Given* and *made up* count variables of the environment; *boots without* any of them says the last.",
        "",
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
    ]
    for row in rows:
        cells = (row.name, row.settings or "none", row.python, row.django, row.boots, row.given, row.made_up)
        lines.append(f"| {' | '.join(map(str, cells))} | {row.seconds:.1f} | {row.empty} |")
    lines += ["", "## What had to be done, and what failed", ""]
    for row in rows:
        texts = [row.problem] if row.problem else list(row.notes)
        if texts:
            said = "; ".join(texts).replace("|", "/")
            lines.append(f"- **{row.name}**{': FAILED' if row.problem else ''}: {said}")
    return "\n".join([*lines, ""])


def main() -> int:
    """Run it; 0 if every project booted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", default="local", choices=("local", "docker", "auto"))
    parser.add_argument("--only", nargs="*", default=[], help="names of checkouts")
    parser.add_argument("--allow-builds", action="store_true", help="as the key allow-builds of .seatrial.yml")
    parser.add_argument("--write", type=Path)
    parser.add_argument("-v", action="store_true", dest="loud")
    given = parser.parse_args()
    bundle = os.environ.get("SSL_CERT_FILE")
    # The engine is one for all projects: another scan would take what it made for left over after its time.
    options = Options(ca_bundle=Path(bundle) if bundle else None, allow_builds=given.allow_builds, timeout=24 * 3600.0)
    engine, reasons = choose(given.engine, options)
    if engine is None:
        print("; ".join(reasons), file=sys.stderr)
        return 3
    rows: list[Row] = []
    with contextlib.closing(engine):
        for path in sorted(one for one in given.folder.iterdir() if one.is_dir()):
            if given.only and path.name not in given.only:
                continue
            try:
                projects = find_projects(read_checkout(path), ())
            except SeatrialError as problem:
                rows.append(Row(path.name, "", "", "", 0, 0, 0, 0.0, "", str(problem)))
                continue
            for project in projects:
                name = path.name if len(projects) == 1 else f"{path.name}:{project.path}"
                print(name, file=sys.stderr, flush=True)
                row = boot(project.with_options(options), engine, options, loud=given.loud, name=name)
                print(
                    f"    {row.seconds:.1f} s, {row.boots} boots: {row.problem or 'booted ' + row.settings}",
                    file=sys.stderr,
                )
                rows.append(row)
                if given.write:  # a run that is broken off leaves what it has seen
                    given.write.write_text(table(rows, engine.name))
    if given.write is None:
        print(table(rows, engine.name))
    return 0 if all(not row.problem for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
