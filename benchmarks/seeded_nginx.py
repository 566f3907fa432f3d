"""One hardened site, one fault at a time: who sees it, and who stays silent where there is none.

``python -m benchmarks.seeded_nginx`` checks that nginx accepts the base and every variant, judges each with every rule
that reads nginx's configuration, and prints a table. With ``--work DIR`` (see ``benchmarks/nginx_rules.py``) the two
other analysers are asked, too, and ``seeded-nginx.md`` is written: of theirs, every finding that the base does not have
on a line that the fault changes counts.
"""

import argparse
import collections
import functools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.nginx_judging import SETTINGS, changed, judge_folder, nginx_rules
from benchmarks.nginx_rules import DRIVER, TOOLS, prepare
from benchmarks.seeded_faults import FAULTS, Fault
from scanner.sandbox.local_programs import nginx
from scanner.stack.certificates import Authority

HERE: Final = Path(__file__).resolve().parent
BASE: Final = (HERE / "seeded_base.conf").read_text()
REPORT: Final = HERE / "seeded-nginx.md"
CONFIG: Final = "deploy/nginx.conf"
FILES: Final = {
    "manage.py": (
        '#!/usr/bin/env python\nimport os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    ),
    "shop/__init__.py": "",
    "shop/settings.py": 'DEBUG = False\nALLOWED_HOSTS = ["shop.example", "www.shop.example"]\n',
    "shop/models.py": (
        "from django.db import models\n\n\nclass Paper(models.Model):\n    scan = models.FileField(upload_to='p')\n"
    ),
    "shop/views.py": (
        "from django.http import HttpResponse\n\n\ndef invoice(request, name):\n    answer = HttpResponse()\n"
        '    answer["X-Accel-Redirect"] = "/invoices/" + name\n    return answer\n'
    ),
    "shop/wsgi.py": "",
    "public/readme.txt": "Public.\n",
    "public/.listing": "Hidden.\n",
    "deploy/gunicorn.service": (
        "[Service]\nUser=shop\nWorkingDirectory=/srv/shop/code\n"
        "ExecStart=/srv/shop/venv/bin/gunicorn --bind 127.0.0.1:8000 shop.wsgi\n"
    ),
}
Found = tuple[str, str, int]
"""Rule, path and line."""


def changed_text(fault: Fault | None) -> str:
    """The configuration with that fault. Raises ValueError when what it changes is not in the base."""
    if fault is None or not fault.old:
        return BASE
    start = BASE.index(fault.within) if fault.within else 0
    place = BASE.index(fault.old, start)
    return BASE[:place] + fault.new + BASE[place + len(fault.old) :]


def expected_line(fault: Fault) -> int | None:
    """The line that the finding has to name; None where it is a setting's."""
    text = changed_text(fault)
    if not fault.at:
        return None
    start = text.index(fault.within) if fault.within else 0
    return text.count("\n", 0, text.index(fault.at, start)) + 1


@functools.cache
def _judged(fault_name: str | None) -> tuple[Found, ...]:
    fault = next((one for one in FAULTS if one.name == fault_name), None)
    settings = SETTINGS if fault is None else changed(SETTINGS, fault.settings)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, text in {**FILES, CONFIG: changed_text(fault)}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return tuple(judge_folder(folder, settings, nginx_rules()))


def judge_variant(fault: Fault | None) -> tuple[Found, ...]:
    """What the rules find in the base (None) or in a variant."""
    return _judged(None if fault is None else fault.name)


def is_found(fault: Fault, found: tuple[Found, ...]) -> bool:
    """Whether the right rule names the right line."""
    line = expected_line(fault)
    if line is None:
        return any(rule == fault.rule and path != CONFIG for rule, path, _ in found)
    return (fault.rule, CONFIG, line) in found


def refused(texts: list[str], program: Path) -> list[str]:
    """What nginx itself says against each configuration; empty for one that it takes."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        leaf = Authority.make("seeded").leaf(("shop.example", "www.shop.example"))
        (home / "fullchain.pem").write_bytes(leaf.full_chain)
        (home / "privkey.pem").write_bytes(leaf.key)
        (home / "mime.types").write_text("types { text/html html; text/css css; }\n")
        return [_said_by(program, home, text) for text in texts]


def _said_by(program: Path, home: Path, text: str) -> str:
    for place in ("/etc/ssl/shop/", "/var/log/nginx/", "/run/", "/var/cache/nginx/"):
        text = text.replace(f" {place}", f" {home}/")
    (home / "nginx.conf").write_text(text.replace("user www-data;", ""))
    argv = [str(program), "-t", "-q", "-p", str(home), "-c", str(home / "nginx.conf"), "-e", "stderr"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr.strip() if done.returncode else ""


def asked(work: Path) -> dict[str, list[set[str]]]:
    """What each of the other tools reports anew, near the line that a fault changes."""
    answers: dict[str, list[set[str]]] = {}
    with tempfile.TemporaryDirectory() as name:
        paths = []
        for index, fault in enumerate((None, *FAULTS)):
            path = Path(name) / f"{index}.conf"
            path.write_text(changed_text(fault))
            paths.append(path)
        cases = [{"plugin": "", "path": str(path), "options": {}, "alone": False} for path in paths]
        for tool in TOOLS:
            root = prepare(tool, work)
            argv = (str(root / "environment/bin/python"), "-c", DRIVER)
            done = subprocess.run(argv, input=json.dumps(cases), capture_output=True, text=True, check=True)
            found = [one["found"] for one in json.loads(done.stdout)["answers"]]
            answers[tool.name] = [_new(found[0], each, fault) for each, fault in zip(found[1:], FAULTS, strict=True)]
    return answers


def _new(base: list[list[object]], found: list[list[object]], fault: Fault) -> set[str]:
    line = expected_line(fault)
    before = collections.Counter(str(plugin) for plugin, _ in base)
    more = collections.Counter(str(plugin) for plugin, _ in found) - before
    near = {str(plugin) for plugin, place in found if line is None or abs(int(str(place)) - line) <= 3}
    return near & set(more) if fault.old else set()


def report(others: dict[str, list[set[str]]]) -> str:
    """The document."""
    lines = [
        "# Seeded faults",
        "",
        (
            "Made by `python -m benchmarks.seeded_nginx`: one hardened site (`seeded_base.conf` and its settings), "
            f"{len(FAULTS)} variants with one fault each, all of them accepted by nginx. Found means: the right rule, "
            "on the right line. Of the other tools, whatever they newly report within three lines of the fault counts."
        ),
        "",
        "| fault | rule | Seatrial | " + " | ".join(others) + " |",
        "|---|---|---|" + "---|" * len(others),
    ]
    total = collections.Counter[str]()
    for index, fault in enumerate(FAULTS):
        found = is_found(fault, judge_variant(fault))
        total["Seatrial"] += found
        cells = []
        for name, answers in others.items():
            total[name] += bool(answers[index])
            cells.append(", ".join(sorted(answers[index])) or "-")
        lines.append(f"| {fault.name} | `{fault.rule}` | {'found' if found else 'missed'} | {' | '.join(cells)} |")
    sums = " | ".join(f"{total[name]}/{len(FAULTS)}" for name in ("Seatrial", *others))
    lines += [f"| all | | {sums} |", "", f"On the base Seatrial reports {len(judge_variant(None))} findings."]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Check, judge, print or write; 1 if something is refused, missed, or found on the base."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder for the other tools")
    chosen = parser.parse_args()
    program = nginx()
    if program is None:
        parser.error("nginx is not installed: nobody can say whether it takes the variants")
    said = refused([changed_text(fault) for fault in (None, *FAULTS)], program)
    for fault, words in zip((None, *FAULTS), said, strict=True):
        if words:
            print("base" if fault is None else fault.name, words, sep=": ")
    missed = [fault.name for fault in FAULTS if not is_found(fault, judge_variant(fault))]
    text = report(asked(chosen.work.resolve()) if chosen.work else {})
    if chosen.work:
        REPORT.write_text(text)
    print(text.splitlines()[-3], *missed, *judge_variant(None), sep="\n")
    return 1 if any(said) or missed or judge_variant(None) else 0


if __name__ == "__main__":
    sys.exit(main())
