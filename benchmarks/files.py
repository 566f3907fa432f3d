"""How long the files layer takes, beside git and reading the same bytes: run on checkouts, or on one that is made up.

    python benchmarks/files.py [CHECKOUT ...]

A row is one checkout: its files, those that were read, seconds to list it and to make every fact of the files layer,
seconds of ``git ls-files`` and reading the same files, and the ratio of the two. The best of the rounds counts. Without
a checkout, one with 1,300 files is made from the fixture project with Compose.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path

from scanner.engine import BrokenProvider, Facts, discover_providers
from scanner.model import Layer, Options, Progress, Silent, Unavailable
from scanner.project import Checkout, Project, find_projects, read_checkout

ROOT = Path(__file__).parent.parent
MADE_FILES = 1300


@dataclass(frozen=True)
class Counting(Checkout):
    """A checkout that remembers what was read of it."""

    read: list[str] = field(default_factory=list)

    def read_bytes(self, path: str, limit: int = 4 * 1024 * 1024) -> bytes:
        """As the checkout does."""
        self.read.append(path)
        return super().read_bytes(path, limit)


def made(folder: Path) -> Path:
    """A repository of 1,300 files: the fixture project, with more modules than one person writes."""
    checkout = folder / "made"
    shutil.copytree(ROOT / "fixtures" / "projects" / "compose-good", checkout)
    module = (checkout / "shop" / "settings.py").read_text()
    for number in range(MADE_FILES - sum(1 for path in checkout.rglob("*") if path.is_file())):
        path = checkout / f"app{number // 40}" / f"module{number % 40}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(module)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(checkout), *command], check=True)
    return checkout


def obtain(checkout: Checkout) -> None:
    """Every fact of the files layer, of every project."""
    providers = {
        kind: spec
        for kind, spec in discover_providers().items()
        if spec.layer is Layer.FILES and spec.function.__module__.startswith("scanner.facts.")
    }
    for project in find_projects(checkout):
        given: dict[type, object] = {
            Project: project.with_options(Options()),
            Checkout: checkout,
            Options: Options(),
            Progress: Silent(),
        }
        facts = Facts(providers, given, (Layer.FILES,))
        for kind in providers:
            try:
                facts.get(kind)
            except Unavailable:
                continue
            except BrokenProvider as problem:
                sys.exit(f"{kind.__name__}: {problem}")


def plainly(root: Path, paths: list[str]) -> None:
    """What no scanner can do without: git's list, and the bytes."""
    subprocess.run(["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True)
    for path in paths:
        (root / path).read_bytes()


def best(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return min(found)


def counted(checkout: Checkout) -> Counting:
    """The same checkout, not read yet, with a memory."""
    known = {one.name: getattr(checkout, one.name) for one in fields(Checkout) if one.name != "_texts"}
    return Counting(**known)


def measure(path: Path, rounds: int) -> None:
    """Print the row of one checkout."""
    checkout = counted(read_checkout(path))
    obtain(checkout)
    paths = sorted(set(checkout.read))
    listing = best(rounds, lambda: read_checkout(path))
    facts = best(rounds, lambda: obtain(counted(checkout)))
    base = best(rounds, lambda: plainly(checkout.root, paths))
    row = f"| {path.name} | {len(checkout.files)} | {len(paths)} | {listing:.3f} | {facts:.3f} | {base:.3f}"
    print(f"{row} | {(listing + facts) / base:.1f} |")
    again = len(checkout.read) - len(paths)
    if again:
        print(f"{path.name}: {again} files were read twice", file=sys.stderr)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print("| checkout | files | read | list s | facts s | git + read s | ratio |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="seatrial-benchmark-") as folder:
        for path in asked.checkouts or [made(Path(folder))]:
            measure(path, asked.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
