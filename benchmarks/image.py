"""How large the scanner's image is, how quickly it starts, and what other scanners' images weigh.

    python benchmarks/image.py seatrial:dev --base python:3.13-slim-trixie >benchmarks/image.md

Compressed sizes are gzip's, as a registry keeps layers. The sizes of other images come from their registries, where
this machine reaches them; a machine that does not says so.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MEGA = 1_000_000
BUDGET_COMPRESSED = 150 * MEGA
BUDGET_UNPACKED = 450 * MEGA
BUDGET_VERSION = 0.8
OTHERS = (
    "docker.io/aquasec/trivy:latest",
    "docker.io/bridgecrew/checkov:latest",
    "ghcr.io/super-linter/super-linter:latest",
    "ghcr.io/super-linter/super-linter:slim-latest",
)
OFFICIAL = "docker.io/library/python:3.13-slim-trixie"
RUNS = 5


@dataclass(frozen=True)
class Layer:
    """One layer: bytes unpacked and compressed."""

    unpacked: int
    compressed: int


def layers(image: str) -> tuple[Layer, ...]:
    """The image's layers, from the lowest, as the engine saves them."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder, "image.tar")
        subprocess.run(["docker", "save", "--output", str(saved), image], check=True)
        with tarfile.open(saved) as archive:
            manifest = archive.extractfile("manifest.json")
            if manifest is None:
                raise LookupError(f"{image} was saved without a manifest")
            names: list[str] = json.load(manifest)[0]["Layers"]
            return tuple(_layer(archive, name) for name in names)


def _layer(archive: tarfile.TarFile, name: str) -> Layer:
    stream = archive.extractfile(name)
    if stream is None:
        raise LookupError(f"the layer {name} is not in the archive")
    with tempfile.TemporaryFile() as target:
        unpacked = 0
        with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6, mtime=0) as packed:
            while chunk := stream.read(MEGA):
                unpacked += len(chunk)
                packed.write(chunk)
        return Layer(unpacked, target.tell())


def seconds(*argv: str) -> float:
    """How long a command takes. Raises CalledProcessError where it fails."""
    start = time.monotonic()
    subprocess.run(argv, check=True, capture_output=True)
    return time.monotonic() - start


def published(reference: str) -> int | None:
    """Compressed bytes of an image for amd64, as its registry tells them; None where it cannot be asked."""
    try:
        done = subprocess.run(
            ["docker", "manifest", "inspect", "--verbose", reference],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, OSError, ValueError):
        return None
    for one in found if isinstance(found, list) else [found]:
        if one.get("Descriptor", {}).get("platform", {}).get("architecture", "amd64") == "amd64":
            manifest = one.get("OCIManifest") or one.get("SchemaV2Manifest") or {}
            return sum(int(layer["size"]) for layer in manifest.get("layers", ())) or None
    return None


def report(image: str, base: str) -> Iterator[str]:
    """The lines of the Markdown report."""
    whole, below = layers(image), layers(base)
    own = whole[len(below) :]
    official = published(OFFICIAL)
    yield "# The scanner's image\n"
    yield f"Measured by `python benchmarks/image.py {image} --base {base}`; MB are millions of bytes.\n"
    yield "| | compressed | unpacked |\n|---|--:|--:|"
    yield _row("the base on this machine", below)
    yield _row("what the scanner adds", own)
    yield _row("the whole image on this machine", whole)
    added = sum(layer.compressed for layer in own)
    if official is not None:
        yield f"| with the official `{OFFICIAL}` | {(added + official) / MEGA:.0f} MB | |"
    yield f"| budget | {BUDGET_COMPRESSED / MEGA:.0f} MB | {BUDGET_UNPACKED / MEGA:.0f} MB |"
    run = ("docker", "run", "--rm", "--network", "none", image, "--version")
    cold, warm = seconds(*run), min(seconds(*run) for _ in range(RUNS))
    yield "\n| `docker run --rm IMAGE --version` | seconds |\n|---|--:|"
    yield f"| the first time | {cold:.2f} |"
    yield f"| the best of {RUNS} more | {warm:.2f} |"
    yield f"| budget | {BUDGET_VERSION} |"
    yield "\n| other image (amd64, compressed, as published) | size |\n|---|--:|"
    for reference in OTHERS:
        size = published(reference)
        told = f"{size / MEGA:.0f} MB" if size is not None else "the registry cannot be reached from here"
        yield f"| `{reference}` | {told} |"


def _row(name: str, found: tuple[Layer, ...]) -> str:
    compressed, unpacked = (sum(getattr(layer, kind) for layer in found) for kind in ("compressed", "unpacked"))
    return f"| {name} | {compressed / MEGA:.0f} MB | {unpacked / MEGA:.0f} MB |"


def main() -> int:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", nargs="?", default="seatrial:dev")
    parser.add_argument("--base", default="python:3.13-slim-trixie")
    chosen = parser.parse_args()
    for line in report(chosen.image, chosen.base):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
