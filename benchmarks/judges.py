"""Other people's readers of what Seatrial writes: each gets a real result, and says whether it can be read.

Scans a fixture project, writes every format, and asks each judge that is here. A judge that is missing is named, never
passed over. The exit code is 1 if one of them objects.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.outside_judges import Judges, MissingJudge
from scanner.reports import renderers

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
FORMATS = ("json", "junit", "sarif", "summary", "comment", "codequality", "html", "har")


@dataclass(frozen=True)
class Judge:
    """Who is asked, about what, and with which command."""

    name: str
    about: str
    argv: tuple[str, ...]
    needs: Path


def judges(folder: Path) -> Iterator[Judge]:
    """The judges of the files in the folder and of the repository's own files."""
    schema = ROOT / "schema" / "result-v1.json"
    check = str(BIN / "check-jsonschema")
    result, junit = folder / "json", folder / "junit"
    yield Judge("check-jsonschema", "schema itself", (check, "--check-metaschema", str(schema)), schema)
    yield Judge("check-jsonschema", "JSON result", (check, "--schemafile", str(schema), str(result)), result)
    sarif = ROOT / "tests" / "judges" / "sarif-2.1.0.json"
    # The schema of the standard holds patterns that only a lenient dialect takes.
    lenient = (check, "--regex-variant", "nonunicode", "--schemafile", str(sarif), str(folder / "sarif"))
    yield Judge("check-jsonschema", "SARIF", lenient, folder / "sarif")
    yield Judge("junitparser", "JUnit", (str(BIN / "junitparser"), "verify", str(junit)), junit)
    for name in ("summary", "comment"):
        program = "import cmarkgfm,sys; cmarkgfm.github_flavored_markdown_to_html(open(sys.argv[1]).read())"
        yield Judge("cmark-gfm", name, (sys.executable, "-c", program, str(folder / name)), folder / name)
    action = ROOT / "action.yml"
    yield Judge(
        "check-jsonschema", "action.yml", (check, "--builtin-schema", "vendor.github-actions", str(action)), action
    )
    workflows = [path for place in ("examples", ".github/workflows") for path in sorted((ROOT / place).glob("*.yml"))]
    for path in workflows:
        name = str(path.relative_to(ROOT))
        if path.name == "gitlab-ci.yml":
            yield Judge("check-jsonschema", name, (check, "--builtin-schema", "vendor.gitlab-ci", str(path)), path)
            continue
        yield Judge("actionlint", name, (str(BIN / "actionlint"), str(path)), path)
        yield Judge("zizmor", name, (str(BIN / "zizmor"), "--offline", "--quiet", str(path)), path)
    yield Judge("zizmor", "action.yml", (str(BIN / "zizmor"), "--offline", "--quiet", str(action)), action)


def verdict(judge: Judge) -> str:
    """One word, and the judge's own last words where it objects."""
    if not judge.needs.exists():
        return "OBJECTS: there is no such file" if judge.needs.parent != ROOT else "nothing to judge"
    try:
        done = subprocess.run(judge.argv, capture_output=True, text=True, timeout=300, check=False)
    except FileNotFoundError:
        return "judge is not here"
    # junitparser says with 1 that the file holds failures: it has read them.
    if done.returncode == 0 or (judge.name == "junitparser" and done.returncode == 1 and not done.stderr):
        return "read"
    words = (done.stderr.strip() or done.stdout.strip() or str(done.returncode)).splitlines()
    return f"OBJECTS: {words[-1][:200]}"


def outside(folder: Path, place: Path, *, act: bool) -> Iterator[tuple[str, str, str]]:
    """The verdicts of the judges that are installed for this run: name, what of, verdict."""
    ask = Judges(place.resolve())
    ask.install()
    page, results = folder / "html", len(json.loads((folder / "sarif").read_text())["runs"][0]["results"])
    exchanges = len(json.loads((folder / "har").read_text())["log"]["entries"])
    asked: list[tuple[str, str, Callable[[], str]]] = [
        ("SARIF multitool with GitHub's rules", "SARIF", lambda: ask.sarif_multitool(folder / "sarif")),
        ("sarif-tools", "SARIF", lambda: ask.sarif_tools(folder / "sarif", results)),
        ("Jenkins' schema", "JUnit", lambda: ask.jenkins(folder / "junit")),
        ("test-results-parser", "JUnit", lambda: ask.test_results_parser(folder / "junit")),
        ("haralyzer", "HAR", lambda: ask.haralyzer(folder / "har", exchanges)),
        ("html5lib, strict", "HTML", lambda: ask.html5lib(page)),
        ("Chromium, printing", "HTML", lambda: ask.pdf(page)),
        ("axe-core, light", "HTML", lambda: ask.axe(page, "light")),
        ("axe-core, dark", "HTML", lambda: ask.axe(page, "dark")),
        ("Mermaid in Chromium", "comment, and labels of an attacker", lambda: ask.mermaid(folder / "comment")),
    ]
    if act:
        asked.append(("act", "the action", ask.act))
    for name, about, question in asked:
        try:
            said = question()
        except MissingJudge as error:
            said = f"judge is not here: {error}"
        except subprocess.CalledProcessError as error:
            said = f"OBJECTS: {(error.stderr.strip() or str(error)).splitlines()[-1][:200]}"
        yield name, about, said


def main() -> int:
    """Print a Markdown table of the judges' verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="article-bad")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--outside", type=Path, help="folder for judges from npm and the package index; none without")
    parser.add_argument("--act", action="store_true", help="run the action under act, too (minutes)")
    chosen = parser.parse_args()
    project = str(ROOT / "fixtures" / "projects" / chosen.project)
    objections = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        argv = [sys.executable, "-m", "scanner", "scan", project, "--engine", chosen.engine, "--quiet"]
        for kind in set(FORMATS) & set(renderers()):
            argv += [f"--{kind}", str(folder / kind)]
        code = subprocess.run(argv, cwd=ROOT, timeout=900, check=False, stdout=subprocess.DEVNULL).returncode
        print(f"`seatrial scan {chosen.project} --engine {chosen.engine}` ended with exit code {code}.\n")
        print("| judge | of | verdict |\n|---|---|---|")
        for judge in judges(folder):
            said = verdict(judge)
            objections += said.startswith("OBJECTS")
            print(f"| {judge.name} | {judge.about} | {said} |", flush=True)
        for who, about, said in outside(folder, chosen.outside, act=chosen.act) if chosen.outside else ():
            objections += said.startswith("OBJECTS")
            print(f"| {who} | {about} | {said} |", flush=True)
    return 1 if objections or code not in {0, 1} else 0


if __name__ == "__main__":
    sys.exit(main())
