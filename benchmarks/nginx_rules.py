"""Our rules on the test fixtures of gixy-ng and Gixy-Next, beside these two tools.

``python -m benchmarks.nginx_rules --work DIR`` downloads the source distributions of both from the configured Python
registry, compares their checksums, installs each in an environment of its own below ``DIR``, runs all three on the
fixtures of the plugins whose subject one of our rules has, and writes ``nginx.md``. Nothing of theirs is kept here.

Their fixtures are often no more than the lines in question. Ours judges sites, so such lines get the least of a site
around them: an https server, and a location that hands requests to an application where they have none.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from benchmarks.nginx_judging import SETTINGS, changed, judge_text, nginx_rules
from scanner.nginx.tree import Directive, parse, walk

HERE: Final = Path(__file__).resolve().parent
REPORT: Final = HERE / "nginx.md"
PLUGINS: Final[Mapping[str, tuple[str, ...]]] = {
    "add_header_redefinition": ("security-header-dropped",),
    "alias_traversal": ("alias-traversal",),
    "allow_without_deny": ("access-list-ineffective",),
    "host_spoofing": ("host-header-from-client",),
    "hsts_header": ("hsts-missing",),
    "http_splitting": ("response-splitting",),
    "origins": ("cors-origin-unchecked",),
    "return_bypasses_allow_deny": ("access-list-ineffective",),
    "ssrf": ("upstream-chosen-by-client",),
    "status_page_exposed": ("internal-pages-public",),
    "version_disclosure": ("server-version-disclosed",),
    "weak_ssl_tls": ("tls-protocol-old", "tls-cipher-weak"),
}
"""A plugin, and our rules that have its subject. It counts as soon as there is such a rule."""
WITHIN: Final[Mapping[str, tuple[str, re.Pattern[str]]]] = {
    "add_header_redefinition": (
        "a security header is lost (theirs report any header)",
        re.compile(
            r"add_header\s+(Strict-Transport|X-Frame|X-Content-Type|Content-Security|Referrer|Permissions|Cross-Origin)"
            r"[^}]*\{[^}]*add_header\s+(?!X-Frame|X-Content-Type)"
        ),
    ),
    "origins": (
        "the value goes into Access-Control-Allow-Origin (theirs report any condition on Origin or Referer)",
        re.compile("Access-Control-Allow-Origin"),
    ),
    "weak_ssl_tls": (
        "protocols or ciphers are at fault (theirs report the preference, too)",
        re.compile("ssl_protocols|ssl_ciphers"),
    ),
}
"""Where our rule has only a part of the subject: the cases that must be reported count if they are of that part."""
DISPUTED: Final[Mapping[str, str]] = {
    "alias_traversal/not_slashed_alias.conf": "nginx answers 404 to every path that leaves the directory",
    "alias_traversal/regex_2.conf": "the same",
    "alias_traversal/regex_4.conf": "the same",
    "alias_traversal/regex_5.conf": "the same",
    "http_splitting/rewrite_extract_fp.conf": "nginx 1.22 writes the line feed of a named group into Location",
    "http_splitting/mapped_value.conf": "the two sets hold the same text, once as right and once as wrong",
    "http_splitting/mapped_host_source_fp.conf": "the same",
    "origins/map_origin_allowlist.conf": "no name that can be registered matches `(.*\\.)?example.com`",
    "origins/map_origin_uppercase_src.conf": "the same",
    "add_header_redefinition/header_inherit_off.conf": "one set has it as right, the other as wrong",
    "add_header_redefinition/explicit_off_fp.conf": "the same",
    "add_header_redefinition/http_merge_location_off_fp.conf": "the same",
    "add_header_redefinition/trailer_explicit_off_fp.conf": "the same",
}
"""Cases that count for nobody, and why."""
EVERY: Final = "with those that do not count"
ELSEWHERE: Final = (
    "Left out, because Seatrial does not judge style and performance: add_header_content_type, add_header_multiline, "
    "default_server_flag, error_log_off, hash_without_default, http2_misdirected_request, if_is_evil, invalid_regex, "
    "low_keepalive_requests, missing_resolver, missing_worker_processes, mixed_case_variable, overlapping_captures, "
    "proxy_buffering_off, proxy_pass_normalized, quic_bpf_reuseport, regex_exact_match, regex_redos, "
    "resolver_external, "
    "ssl_ecdh_curve, ssl_stapling_letsencrypt, ssl_stapling_without_resolver, stale_dns_cache, try_files_is_evil_too, "
    "unanchored_regex, unnamed_groups, valid_referers, worker_rlimit_nofile_vs_connections. Also left out: nginx_cves "
    "(versions, no configuration) and filesystem_root_exposure (without a project no directory is anybody's)."
)
MEMBER: Final = re.compile(r"^(?:[^/]+)/(?P<path>tests/plugins/simply/.+)$")
DUMP: Final = re.compile(r"^# configuration file (?P<path>\S+):\n", re.MULTILINE)
# Runs inside the environment of one of the other tools: reads a list of cases, prints what was found in each.
DRIVER: Final = """
import json, logging, sys, time
logging.disable(logging.CRITICAL)
from gixy.core.config import Config
from gixy.core.manager import Manager
from gixy.formatters.base import BaseFormatter
cases = json.load(sys.stdin)
answers = []
started = time.process_time()
for case in cases:
    options = dict(case["options"])
    includes = bool(options.pop("__allow_includes", False))
    try:
        config = Config(allow_includes=includes, plugins=[case["plugin"]] if case["alone"] else None)
        if options:
            config.set_for(case["plugin"], options)
        with Manager(config=config) as manager:
            with open(case["path"]) as stream:
                manager.audit(case["path"], stream)
            formatter = BaseFormatter()
            formatter.feed(case["path"], manager)
        found = formatter.reports[case["path"]]
        places = [[one["plugin"], (one.get("location") or {}).get("line") or 0] for one in found]
        answers.append({"found": places, "error": ""})
    except Exception as error:
        answers.append({"found": [], "error": repr(error)[:200]})
json.dump({"answers": answers, "seconds": time.process_time() - started}, sys.stdout)
"""


@dataclass(frozen=True)
class Tool:
    """One of the other tools."""

    name: str
    requirement: str
    archive: str
    sha256: str


TOOLS: Final = (
    Tool(
        "gixy-ng 0.2.59",
        "gixy-ng==0.2.59",
        "gixy_ng-0.2.59.tar.gz",
        "6f49c0507c04acc7ac50b1f2455cd625b29a039d9ddca49b7c9f20603a501bca",
    ),
    Tool(
        "Gixy-Next 0.9.0",
        "Gixy-Next==0.9.0",
        "gixy_next-0.9.0.tar.gz",
        "f52b2d9a44633c0f8c8057aeed8588bd1ca571fd9d7de5dbe1843de5fe7db1b1",
    ),
)


@dataclass(frozen=True)
class Case:
    """One fixture."""

    plugin: str
    path: Path
    options: Mapping[str, object]

    @property
    def is_fault(self) -> bool:
        """Whether the plugin must report it; else it must not."""
        return not self.path.stem.endswith("_fp")

    @property
    def text(self) -> str:
        """The configuration."""
        return self.path.read_text(errors="replace")


@dataclass
class Score:
    """Right and wrong answers of one tool."""

    faults: int = 0
    found: int = 0
    sound: int = 0
    alarms: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, case: Case, *, reported: bool) -> None:
        """Count one answer."""
        self.faults += case.is_fault
        self.found += case.is_fault and reported
        self.sound += not case.is_fault
        self.alarms += reported and not case.is_fault
        if reported != case.is_fault:
            self.wrong.append(f"{case.plugin}/{case.path.name}")

    @property
    def text(self) -> str:
        """Two cells of the table."""
        return f"{self.found}/{self.faults} | {self.alarms}/{self.sound}"


def prepare(tool: Tool, work: Path) -> Path:
    """Download, check, unpack and install a tool; its fixtures. Raises RuntimeError for another archive than ours."""
    archive = work / tool.archive
    if not archive.exists():
        argv = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(work))
        subprocess.run((*argv, tool.requirement), check=True)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != tool.sha256:
        message = f"{archive.name} is not the archive that was measured"
        raise RuntimeError(message)
    root = work / tool.archive.removesuffix(".tar.gz")
    if not (root / "environment" / "done").exists():
        with tarfile.open(archive) as packed:
            for member in packed:
                found = MEMBER.match(member.name)
                stream = packed.extractfile(member) if found is not None and member.isfile() else None
                if found is not None and stream is not None:
                    target = root / found["path"]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(stream.read())
        subprocess.run((sys.executable, "-m", "venv", str(root / "environment")), check=True)
        subprocess.run((str(root / "environment/bin/python"), "-m", "pip", "install", "-q", str(archive)), check=True)
        (root / "environment" / "done").touch()
    return root


def cases_of(root: Path) -> Iterator[Case]:
    """The cases of the plugins that overlap with our rules, those that count for nobody and the rest of them, too."""
    for plugin in PLUGINS:
        if _has_rule(plugin):
            folder = root / "tests/plugins/simply" / plugin
            yield from (Case(plugin, path, _options(path)) for path in sorted(folder.glob("*.conf")))


def counts(case: Case) -> bool:
    """Whether the case is of the subject that our rule has, and undisputed."""
    limit = WITHIN.get(case.plugin)
    if f"{case.plugin}/{case.path.name}" in DISPUTED:
        return False
    return not case.is_fault or limit is None or limit[1].search(case.text) is not None


def _has_rule(plugin: str) -> bool:
    return any(rule.id in PLUGINS[plugin] for rule in nginx_rules())


def _options(path: Path) -> Mapping[str, object]:
    for line in path.read_text(errors="replace").splitlines()[:3]:
        _, marker, options = line.partition("Options: ")
        if marker:
            read: object = json.loads(options)
            return read if isinstance(read, dict) else {}
    return {}


def ask_tool(tool: Tool, root: Path, cases: Iterable[Case], *, alone: bool) -> tuple[list[set[str]], float]:
    """What another tool reports in each case, and the seconds of processor time in its own process."""
    given = [
        {"plugin": one.plugin, "path": str(one.path), "options": dict(one.options), "alone": alone} for one in cases
    ]
    argv = (str(root / "environment/bin/python"), "-c", DRIVER)
    # Included files are named from where the tool's own tests run.
    done = subprocess.run(argv, input=json.dumps(given), capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        message = f"{tool.name}: {done.stderr[-500:]}"
        raise RuntimeError(message)
    answer = json.loads(done.stdout)
    return [{plugin for plugin, _ in one["found"]} for one in answer["answers"]], answer["seconds"]


def ask_ours(cases: Iterable[Case]) -> tuple[list[set[str]], float]:
    """The ids of our rules that report something in each case, and the seconds of processor time."""
    texts = [_site_of(one) for one in cases]
    started = time.process_time()
    answers = [{rule for rule, _ in judge_text(text, others, BARE)} for text, others in texts]
    return answers, time.process_time() - started


def _site_of(case: Case) -> tuple[str, Mapping[str, str]]:
    """The case as a whole configuration, and the files that it includes."""
    text = case.text.replace("// Options", "# Options")
    pieces = DUMP.split(text)
    others = dict(zip(pieces[3::2], pieces[4::2], strict=True))
    root = case.path.parents[4]
    for path in root.joinpath("tests/plugins/simply", case.plugin).glob("*.inc"):
        others[f"/etc/nginx/{path.relative_to(root)}"] = path.read_text()
    return surrounded(pieces[2] if len(pieces) > 2 else text), others


def surrounded(text: str) -> str:
    """Lines of a configuration with as much of a site around them as they lack.

    A location in which nothing answers, and a server without one that does, hand their requests to an application.
    """
    directives = parse(text, "x").directives
    names = {item.name for item in directives}
    text = _with_applications(text)
    if "http" in names:
        return f"events {{}}\n{text}\n"
    if any(item.name == "server" and item.block is not None for item in directives):
        return f"events {{}}\nhttp {{\n{text}\n}}\n"
    outer = [item for item in parse(text, "x").directives if item.name in _OF_HTTP]
    inner = text
    for item in reversed(outer):
        inner = inner[: item.start] + inner[text.index("}", item.head_end) + 1 :]
    http = "\n".join(text[item.start : text.index("}", item.head_end) + 1] for item in outer)
    if names.isdisjoint({"location", *_OF_SERVER}):
        handler = "" if names & _HANDLERS else _APPLICATION
        inner = f"location / {{ {handler}\n{inner}\n}}"
    elif not any(item.name == "location" and item.args[-1:] == ("/",) for item in directives):
        inner += f"\nlocation / {{ {_APPLICATION} }}"
    return f"events {{}}\nhttp {{\n{http}\n{_SERVER}{inner}\n}}\n}}\n"


def _with_applications(text: str) -> str:
    """An application where nothing answers; line numbers stay."""
    insertions: list[tuple[int, str]] = []
    for item in walk(parse(text, "x").directives):
        if item.name == "location" and _is_idle(item):
            insertions.append((item.head_end + 1, f" {_APPLICATION}"))
        elif item.name == "server" and item.block and all(one.name != "return" for one in item.block):
            inside = [one for one in walk(item.block) if one.name.endswith("_pass") or _is_idle(one)]
            path = "/application/" if any(one.name == "location" for one in item.block) else "/"
            if not inside:
                insertions.append((item.head_end + 1, f" location {path} {{ {_APPLICATION} }}"))
    for place, what in sorted(insertions, reverse=True):
        text = text[:place] + what + text[place:]
    return text


def _is_idle(location: Directive) -> bool:
    """Whether it is a location in which nothing answers."""
    names = {one.name for one in location.block or ()}
    return location.name == "location" and names.isdisjoint({*_HANDLERS, "location", "return"})


_OF_HTTP: Final = frozenset({"map", "geo", "upstream", "split_clients", "log_format"})
_OF_SERVER: Final = frozenset({"ssl_protocols", "ssl_ciphers", "ssl_prefer_server_ciphers", "server_tokens", "listen"})
_HANDLERS: Final = frozenset(
    {
        *("proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass", "memcached_pass", "root", "alias"),
        *("stub_status", "try_files", "rewrite"),
    }
)
_SERVER: Final = """server {
listen 443 ssl;
server_name shop.example;
ssl_certificate /etc/ssl/shop.pem;
ssl_certificate_key /etc/ssl/shop.key;
"""
_APPLICATION: Final = "proxy_pass http://127.0.0.1:8000;"
BARE: Final = changed(
    replace(SETTINGS, middleware=()), {"MIDDLEWARE": [], "SECURE_CONTENT_TYPE_NOSNIFF": False, "X_FRAME_OPTIONS": ""}
)
"""An application that sends no security header of its own: what the proxy does decides."""


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder for the archives and environments")
    parser.add_argument("--show", action="store_true", help="print every wrong answer; do not write")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    roots = {tool: prepare(tool, chosen.work.resolve()) for tool in TOOLS}
    sets = {tool.name: tuple(cases_of(root)) for tool, root in roots.items()}
    scores: dict[tuple[str, str, str], Score] = {}
    for name, cases in sets.items():
        answers = {tool.name: ask_tool(tool, root, cases, alone=False)[0] for tool, root in roots.items()}
        answers["Seatrial"] = [_plugins(rules) for rules in ask_ours(cases)[0]]
        for asked, found in answers.items():
            for case, plugins in zip(cases, found, strict=True):
                for row in (case.plugin, "all", EVERY) if counts(case) else (EVERY,):
                    key = (name, asked, row)
                    scores.setdefault(key, Score()).add(case, reported=case.plugin in plugins)
    if chosen.show:
        for (name, asked, row), score in scores.items():
            if row == "all":
                print(name, asked, score.text, *score.wrong, sep="\n  ")
        return 0
    REPORT.write_text(report(sets, scores, timings(roots, sets)))
    return 0


def _plugins(rules: set[str]) -> set[str]:
    return {plugin for plugin, ours in PLUGINS.items() if not rules.isdisjoint(ours)}


def timings(roots: Mapping[Tool, Path], sets: Mapping[str, tuple[Case, ...]]) -> list[str]:
    """Milliseconds a fixture with every rule on, in process, of each tool."""
    cases = [case for those in sets.values() for case in those]
    rows = []
    for tool, root in roots.items():
        seconds = min(ask_tool(tool, root, cases, alone=False)[1] for _ in range(3))
        rows.append(f"| {tool.name} | {seconds / len(cases) * 1000:.2f} |")
    seconds = min(ask_ours(cases)[1] for _ in range(3))
    rows.append(f"| Seatrial | {seconds / len(cases) * 1000:.2f} |")
    return rows


def report(sets: Mapping[str, tuple[Case, ...]], scores: Mapping[tuple[str, str, str], Score], times: list[str]) -> str:
    """The document."""
    names = [*sets, "Seatrial"]
    lines = [
        "# Fixtures of other nginx analysers",
        "",
        (
            "Made by `python -m benchmarks.nginx_rules`. Of each plugin whose subject one of our rules has, the test "
            "fixtures of two analysers: configurations that must be reported (found) and that must not (false alarms)."
        ),
        "",
        "| plugin | our rules | what counts |",
        "|---|---|---|",
    ]
    for plugin, rules in PLUGINS.items():
        if not _has_rule(plugin):
            continue
        limit = WITHIN.get(plugin)
        scope = "all" if limit is None else limit[0]
        lines.append(f"| {plugin} | {', '.join(f'`{rule}`' for rule in rules)} | {scope} |")
    lines += ["", ELSEWHERE, "", "Cases that count for none of the three:", ""]
    lines += [f"- {case}: {why}" for case, why in DISPUTED.items()]
    for name, cases in sets.items():
        lines += ["", f"## Fixtures of {name}", ""]
        lines.append("| plugin | " + " | ".join(f"{tool}: found | false alarms" for tool in names) + " |")
        lines.append("|---" * (1 + 2 * len(names)) + "|")
        plugins = [plugin for plugin in PLUGINS if any(case.plugin == plugin for case in cases)]
        for row in (*plugins, "all", EVERY):
            lines.append(f"| {row} | " + " | ".join(scores[name, tool, row].text for tool in names) + " |")
        wrong = scores[name, "Seatrial", "all"].wrong
        lines += ["", f"Seatrial differs on: {', '.join(wrong) or 'none'}."]
    lines += ["", "## Time", "", "| tool | milliseconds a fixture, every rule on, in process |", "|---|---|", *times]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
