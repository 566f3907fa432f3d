"""What the project's own tests in CI set in the environment: the last word before a value is made up."""

import re
from collections.abc import Iterator, Mapping

import yaml

from scanner.facts.boot_plan import Variable, VariableSource
from scanner.facts.secrets import is_secret_key
from scanner.model import Location
from scanner.project import Project, Unreadable

_SMALL = 256 * 1024
_MOST_ALIASES = 200
_FILE = re.compile(r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml")
_TESTS = re.compile(r"manage\.py|pytest|\btox\b|\bnox\b|django-admin|\bmake (?:test|check)|coverage run")
_NOT_PRODUCTION = frozenset({"test", "tests", "testing", "ci", "dev", "develop", "development", "local", "debug"})
_TRUE = frozenset({"1", "true", "yes", "on", "t", "y"})


def workflow_variables(project: Project) -> dict[str, Variable]:
    """The variables of jobs that run the project's tests or checks, by name; the first file that sets one counts.

    They count as samples: how the settings read such a value may be judged, what it says may not. Left out are
    secrets (people put their own there), references to the runner's, and values that name a test environment.
    """
    found: dict[str, Variable] = {}
    for path in filter(_FILE.fullmatch, project.checkout.files):
        try:
            text = project.read_text(path, _SMALL)
        except Unreadable:
            continue
        for name, value in _pairs(text):
            if name not in found and _serves(name, value):
                place = Location(path, _line(text, name))
                found[name] = Variable(
                    name, value, VariableSource.SAMPLE, f"in {place}, where CI runs the tests", place
                )
    return found


def _serves(name: str, value: str) -> bool:
    if name == "DJANGO_SETTINGS_MODULE" or is_secret_key(name) or "${{" in value or value.startswith("$"):
        return False
    said = value.strip().lower()
    return bool(said) and said not in _NOT_PRODUCTION and not (name.upper().endswith("DEBUG") and said in _TRUE)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    if text.count("&") + text.count("*") > _MOST_ALIASES:
        return  # aliases can make a small file very large
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return
    top = _table(document)
    jobs = _table(top.get("jobs")) or {name: job for name, job in top.items() if isinstance(job, dict)}
    running = [job for job in map(_table, jobs.values()) if _TESTS.search(str(job.get("steps") or job.get("script")))]
    for job in running:
        steps = job.get("steps")
        for step in map(_table, steps if isinstance(steps, list) else []):
            if _TESTS.search(str(step.get("run", ""))):
                yield from _texts(step.get("env"))
        yield from _texts(job.get("env"))
        yield from _texts(job.get("variables"))
    if running:
        yield from _texts(top.get("env"))
        yield from _texts(top.get("variables"))


def _table(value: object) -> Mapping[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _texts(value: object) -> Iterator[tuple[str, str]]:
    for name, given in _table(value).items():
        if isinstance(given, bool):
            yield name, str(given).lower()
        elif isinstance(given, str | int | float):
            yield name, str(given)


def _line(text: str, name: str) -> int:
    pattern = re.compile(rf"^[\s-]*['\"]?{re.escape(name)}['\"]?\s*:")
    return next((number for number, line in enumerate(text.split("\n"), 1) if pattern.match(line)), 1)
