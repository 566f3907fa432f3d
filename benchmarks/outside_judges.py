"""Judges that are not in the development environment: installed with npm and uv into a folder of their own.

Each function asks one of them about one file, and returns ``read`` or what it objects to. MissingJudge says that it
cannot be had here.
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NPM = ("@microsoft/sarif-multitool-linux@5.7.0", "axe-core@4.14.1", "mermaid@11.17.2", "test-results-parser@0.4.6")
PYTHON = ("haralyzer==2.4.0", "html5lib==1.1", "lxml==6.1.3", "sarif-tools==3.0.5")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCHEMES = {"dark": 0, "light": 1}
EXPECTED = {
    "SARIF2002": "messages have no arguments",
    "SARIF2003": "no version control: the scan was none of a pull request",
    "SARIF2006": "addresses are not asked",
    "SARIF2009": "rule ids are words, not codes",
    "SARIF2010": "no snippets: a line of settings may hold a secret",
    "SARIF2011": "no context regions, for the same reason",
}
"""Notes of the SARIF multitool that we know and want."""
HOSTILE = (
    *('"]; click n0 "javascript:alert(1)"', "$$x$$", "fa:fa-ban", "<img src=x>"),
    *("%%{init: {}}%%", "end", "`a`", ""),
)
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class MissingJudge(Exception):
    """It cannot be had on this machine; the text says why."""


@dataclass
class Judges:
    """The judges that are installed in ``folder``."""

    folder: Path

    def install(self) -> None:
        """Get what is not there yet. What fails is missing when it is asked."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm") and not self.modules.is_dir():
            words = [
                "npm",
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(self.folder),
                *NPM,
            ]
            subprocess.run(words, capture_output=True, timeout=900, check=False)
        if not self.python.is_dir():
            uv = str(Path(sys.executable).with_name("uv"))
            words = [uv, "pip", "install", "--quiet", "--python", sys.executable, "--target", str(self.python), *PYTHON]
            subprocess.run(words, capture_output=True, timeout=900, check=False)

    @property
    def modules(self) -> Path:
        """Where npm put its packages."""
        return self.folder / "node_modules"

    @property
    def python(self) -> Path:
        """Where uv put its packages."""
        return self.folder / "python"

    @cached_property
    def browser(self) -> str:
        """The program of Chromium. Raises MissingJudge."""
        found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
        if found is None:
            raise MissingJudge("there is no Chromium")
        return found

    def sarif_multitool(self, sarif: Path) -> str:
        """The standard's own validator with GitHub's rules. It ends with 0 whatever it finds: its log is read."""
        tool = self._file("@microsoft/sarif-multitool-linux/Sarif.Multitool")
        tool.chmod(0o755)
        log, named = self.folder / "multitool.sarif", self.folder / "report.sarif"
        shutil.copyfile(sarif, named)  # of a file with another ending it says that all is well
        options = ("--rule-kind", "Sarif;Ghas", "--level", "Error;Warning;Note", "--log", "ForceOverwrite")
        _run([str(tool), "validate", str(named), *options, "-o", str(log)])
        found = Counter(str(one["ruleId"]) for one in json.loads(log.read_text())["runs"][0].get("results", ()))
        unknown = {rule: count for rule, count in found.items() if rule not in EXPECTED}
        if not found:
            return "OBJECTS: it did not look: there are always notes on our rule ids"
        return f"OBJECTS: {unknown}" if unknown else f"read; known notes: {', '.join(sorted(found))}"

    def sarif_tools(self, sarif: Path, results: int) -> str:
        """Another reader of SARIF; it must count the results that we wrote."""
        program = "import sys; from sarif import loader; print(loader.load_sarif_file(sys.argv[1]).get_result_count())"
        return _equal(int(self._python(program, sarif)), results, "results")

    def jenkins(self, junit: Path) -> str:
        """Jenkins' schema. It knows no file and line of a test case, which other readers want: they are taken off."""
        tree = ET.parse(junit)  # noqa: S314 - our own report
        for case in tree.iter("testcase"):
            for name in ("file", "line"):
                case.attrib.pop(name, None)
        plain = self.folder / "jenkins.xml"
        tree.write(plain, encoding="utf-8")
        program = (
            "import sys; from lxml import etree;"
            "etree.XMLSchema(etree.parse(sys.argv[2])).assertValid(etree.parse(sys.argv[1])); print('valid')"
        )
        return (
            "read" if self._python(program, plain, ROOT / "tests" / "judges" / "junit-10.xsd") == "valid" else "OBJECTS"
        )

    def test_results_parser(self, junit: Path) -> str:
        """A reader of JUnit in JavaScript; it must count what the file says of itself."""
        self._file("test-results-parser/package.json")
        program = (
            "const r = require('test-results-parser').parse({type: 'junit', files: [process.argv[1]]});"
            "console.log(r.total, r.failed, r.errors)"  # its total leaves the skipped ones out
        )
        said = _run(["node", "-e", program, str(junit)], NODE_PATH=str(self.modules)).split()
        suites = list(ET.parse(junit).iter("testsuite"))  # noqa: S314 - our own report
        total, failed, errors, skipped = (
            sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
        )
        return _equal([int(word) for word in said], [total - skipped, failed, errors], "run, failed, errors")

    def haralyzer(self, har: Path, entries: int) -> str:
        """A reader of HTTP archives; it must count the exchanges."""
        program = (
            "import json, sys; from haralyzer import HarParser; p = HarParser(json.load(open(sys.argv[1])));"
            "print(sum(len(page.entries) for page in p.pages))"
        )
        return _equal(int(self._python(program, har)), entries, "exchanges")

    def html5lib(self, page: Path) -> str:
        """A parser that accepts nothing but correct HTML."""
        program = (
            "import html5lib, sys; html5lib.HTMLParser(strict=True).parse(open(sys.argv[1]).read()); print('valid')"
        )
        return "read" if self._python(program, page) == "valid" else "OBJECTS"

    def pdf(self, page: Path) -> str:
        """Chromium prints the page; what is folded on the screen must be on the paper."""
        target = self.folder / "page.pdf"
        target.unlink(missing_ok=True)
        self._chromium(f"--print-to-pdf={target}", page.as_uri())
        size = target.stat().st_size if target.is_file() else 0
        return f"read; {size // 1000} kB on paper" if size > 20_000 else f"OBJECTS: a PDF of {size} bytes"

    def axe(self, page: Path, scheme: str) -> str:
        """Accessibility, in one colour scheme. The page forbids scripts: the judge gets a copy that does not."""
        script = self._file("axe-core/axe.min.js").read_text(encoding="utf-8")
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text(encoding="utf-8"))
        ask = "axe.run().then(r => { document.title = 'axe ' + JSON.stringify(r.violations.map(v => v.id)) + ' axe' })"
        copy = self.folder / "axe.html"
        copy.write_text(text.replace("</body>", f"<script>{script}</script><script>{ask}</script></body>"), "utf-8")
        said = self._title(copy, "axe", scheme)
        return "read" if said == "[]" else f"OBJECTS: {said}"

    def mermaid(self, comment: Path) -> str:
        """Mermaid draws the comment's diagrams, and diagrams with labels of an attacker."""
        from scanner.model import Hop, Link, RequestPath, Severity  # noqa: PLC0415 - only here
        from scanner.reports import comment as comments  # noqa: PLC0415 - the same
        from scanner.reports import mermaid  # noqa: PLC0415 - the same
        from tests.reports.samples import blocked  # noqa: PLC0415 - the same

        script = self._file("mermaid/dist/mermaid.min.js").read_text(encoding="utf-8")
        texts = (comment.read_text(encoding="utf-8"), comments.render(blocked()))
        sources = [source for text in texts for source in _DIAGRAM.findall(text)]
        [project] = blocked().projects
        for label in HOSTILE:
            hops = (Hop("a", "client", label), Hop("b", "proxy", f"x {label}", label or "x"))
            path = RequestPath(hops, (Link("a", "b", label),))
            pins = {"b": [mermaid.Pin(1, Severity.HIGH, "debug-enabled", blocks=True)]}
            drawn = mermaid.diagram(replace(project, request_path=path), pins)
            sources += _DIAGRAM.findall(f"{drawn}\n")
        page = self.folder / "mermaid.html"
        page.write_text(_MERMAID.format(script=script, sources=json.dumps(sources).replace("</", "<\\/")), "utf-8")
        said = self._title(page, "mermaid", "light")
        return f"read; {len(sources)} diagrams" if said == f"{len(sources)} []" else f"OBJECTS: {said[:200]}"

    def act(self) -> str:
        """The action under act, a runner of workflows: our own tests of it."""
        test = str(ROOT / "tests" / "action" / "test_action_act.py")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", test],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        last = (done.stdout.strip().splitlines() or ["nothing said"])[-1]
        if " passed" not in last and done.returncode == 0:
            raise MissingJudge(last)
        return f"read; {last}" if done.returncode == 0 else f"OBJECTS: {last}"

    def _title(self, page: Path, word: str, scheme: str) -> str:
        """What a page's script wrote into its title, between two such words."""
        options = (
            "--virtual-time-budget=30000",
            f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
            "--dump-dom",
        )
        shown = self._chromium(*options, page.as_uri())
        found = re.search(rf"<title>{word} (.*?) {word}</title>", shown, re.DOTALL)
        return html.unescape(found.group(1)) if found else "the page said nothing"

    def _chromium(self, *arguments: str) -> str:
        profile = f"--user-data-dir={self.folder / 'profile'}"
        return _run([self.browser, "--headless=new", "--no-sandbox", "--disable-gpu", profile, *arguments])

    def _file(self, name: str) -> Path:
        found = self.modules / name
        if not found.exists():
            raise MissingJudge(f"npm did not bring {name.partition('/')[0]}")
        return found

    def _python(self, program: str, *paths: Path) -> str:
        if not self.python.is_dir():
            raise MissingJudge("uv did not bring it")
        return _run([sys.executable, "-c", program, *map(str, paths)], PYTHONPATH=str(self.python)).strip()


def _run(words: list[str], **environment: str) -> str:
    """What a command prints. Raises CalledProcessError, MissingJudge where the program is not there."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=300, check=True, env={**os.environ, **environment}
        )
    except FileNotFoundError as error:
        raise MissingJudge(f"there is no {words[0]}") from error
    return done.stdout


def _equal(said: object, ours: object, what: str) -> str:
    return f"read; {what}: {said}" if said == ours else f"OBJECTS: {what} {said}, ours {ours}"


_MERMAID = """<!DOCTYPE html><html><head><title>waiting</title></head><body><script>{script}</script><script>
const sources = {sources}; const bad = [];
mermaid.initialize({{startOnLoad: false, securityLevel: 'strict'}});
(async () => {{
  for (const [number, source] of sources.entries()) {{
    try {{
      await mermaid.parse(source);
      const {{svg}} = await mermaid.render('d' + number, source);
      const found = svg.match(/<a |<img|<script|="javascript:|<i class/i);
      if (found) bad.push(number + ': more than text: ' + found[0]);
    }} catch (error) {{ bad.push(number + ': ' + error); }}
  }}
  document.title = 'mermaid ' + sources.length + ' ' + JSON.stringify(bad) + ' mermaid';
}})();
</script></body></html>"""
