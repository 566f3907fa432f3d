"""Conditions by which settings can tell that they are being looked at: a CI, this tool, ``manage.py check``.

A condition is decided in thought, once as it is under a scan and once as it is where the site is served; what depends
on anything else stays unknown.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from scanner.facts.environment_readers import Names, dotted, text_of, wrapped
from scanner.facts.settings_source import Assignment, SettingsSource

_VARIABLES: Final = frozenset(
    {
        *("CI", "GITHUB_ACTIONS", "GITHUB_WORKFLOW", "GITHUB_RUN_ID", "GITHUB_SHA", "RUNNER_OS", "GITLAB_CI", "TRAVIS"),
        *("CI_JOB_ID", "CIRCLECI", "BUILDKITE", "TF_BUILD", "BITBUCKET_BUILD_NUMBER", "DRONE", "TEAMCITY_VERSION"),
    }
)
_OUR_OWN: Final = "SEATRIAL"
_COMMANDS: Final = frozenset({"check", "--deploy"})
_WHO: Final = ("gethostname", "getfqdn", "platform.node", "getuser", "getlogin")
_RUNNERS: Final = ("runner", "github", "gitlab", "fv-az", "seatrial", "sandbox", "buildkit")
_FALSE_TEXTS: Final = frozenset({"", "0", "false", "no", "off", "n", "f"})
_MAX_LENGTH: Final = 2000
_UNKNOWN: Final = object()


@dataclass(frozen=True)
class TwoFaces:
    """One setting whose value differs between a scan and the served site."""

    scanned: object
    """A literal; None where nothing assigns it there."""
    served: object
    assignment: Assignment
    """The one whose condition makes the difference."""


def two_faces(source: SettingsSource, name: str) -> TwoFaces | None:
    """A setting's two values, where a condition that detects a scan makes them differ; None where it does not.

    None, too, where one of them cannot be told from the source.
    """
    found = [one for one in source.assignments.get(name, ()) if not one.augmented]
    telling = [one for one in found if one.guard is not None and _detects(one.guard, source)]
    if not telling:
        return None
    scanned, served = _value(found, source, scanned=True), _value(found, source, scanned=False)
    if _UNKNOWN in (scanned, served) or scanned == served:
        return None
    return TwoFaces(scanned, served, telling[-1])


def _value(assignments: Iterable[Assignment], source: SettingsSource, *, scanned: bool) -> object:
    """The value that the last assignment gives on one side; None without any."""
    value: object = None
    for one in assignments:
        holds = True if one.guard is None else _holds(one.guard, source, scanned=scanned)
        if holds is False:
            continue
        value = _literal(one) if holds else _UNKNOWN
    return value


def _literal(assignment: Assignment) -> object:
    if assignment.literal is None or assignment.variable is not None:
        return _UNKNOWN
    try:
        value: object = ast.literal_eval(assignment.literal)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _UNKNOWN
    return value


def _detects(guard: str, source: SettingsSource) -> bool:
    """Whether the condition comes out differently for no other reason than the scan."""
    return _holds(guard, source, scanned=True) is not _holds(guard, source, scanned=False)


def _holds(guard: str, source: SettingsSource, *, scanned: bool) -> bool | None:
    if len(guard) > _MAX_LENGTH:
        return None
    try:
        node = ast.parse(guard, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return _decide(node, source, scanned=scanned)


def _decide(node: ast.expr, source: SettingsSource, *, scanned: bool) -> bool | None:
    """Three-valued: None is unknown."""
    match node:
        case ast.BoolOp(op=operator, values=values):
            parts = [_decide(value, source, scanned=scanned) for value in values]
            ends = isinstance(operator, ast.Or)
            if ends in parts:
                return ends
            return None if None in parts else not ends
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            found = _decide(inner, source, scanned=scanned)
            return None if found is None else not found
        case ast.Constant(value=bool() as value):
            return value
        case _:
            sign = _sign(node, source)
            return None if sign is None else sign is scanned


def _sign(node: ast.expr, source: SettingsSource) -> bool | None:
    """True: it holds under a scan and nowhere else; False: the other way round; None: it says nothing about that."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _compared(node.left, node.ops[0], node.comparators[0], source)
    return True if _reads_a_sign(node, source) else None


def _compared(left: ast.expr, operator: ast.cmpop, right: ast.expr, source: SettingsSource) -> bool | None:
    same = isinstance(operator, ast.Eq | ast.In | ast.Is)
    if not isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot):
        return None
    if isinstance(operator, ast.In | ast.NotIn) and _holds_all(right):
        word = text_of(left) or ""
        found = word in _COMMANDS if dotted(right) == "sys.argv" else _is_sign(word) and "environ" in dotted(right)
        return same if found else None
    if _is_command(left) and not _words(right).isdisjoint(_COMMANDS):
        return same
    if isinstance(left, ast.Call) and dotted(left.func).endswith(_WHO):
        named = any(runner in word.lower() for word in _words(right) for runner in _RUNNERS)
        return same if named else None
    if _reads_a_sign(left, source):
        words = _words(right)
        absent = (words and {word.lower() for word in words} <= _FALSE_TEXTS) or _is_none_or_false(right)
        return same is not bool(absent)
    return None


def _holds_all(node: ast.expr) -> bool:
    """``sys.argv`` or the environment."""
    return dotted(node) in {"sys.argv", "os.environ", "environ"}


def _is_command(node: ast.expr) -> bool:
    """``sys.argv[1]`` and the like."""
    return isinstance(node, ast.Subscript) and dotted(node.value) == "sys.argv"


def _words(node: ast.expr) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def _is_none_or_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)


def _reads_a_sign(node: ast.expr, source: SettingsSource) -> bool:
    """It is a variable that only CI systems or this tool set, or a name that the settings give to one."""
    if isinstance(node, ast.Name):
        winner = source.winner(node.id)
        return winner is not None and winner.guard is None and _is_sign(winner.variable or "")
    found = wrapped(node, Names())
    return found is not None and _is_sign(found.variable)


def _is_sign(variable: str) -> bool:
    return variable in _VARIABLES or variable.startswith(_OUR_OWN)
