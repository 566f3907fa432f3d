"""Lock files as lines of a requirements file: uv.lock, poetry.lock, pdm.lock, pylock.toml, Pipfile.lock."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Selection:
    """What of a lock is wanted beside the project's own dependencies."""

    extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    all_extras: bool = False
    all_groups: bool = False
    only_group: bool = False
    """Only the groups, not the project's own dependencies."""


@dataclass(frozen=True)
class Locked:
    """The lines, and what could not be taken over."""

    lines: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


class BadLock(Exception):
    """The file is no lock that can be read."""


Table = Mapping[str, object]


def read_lock(name: str, text: str, selection: Selection, manifest: Table) -> Locked:
    """The pinned requirements of a lock file. Raises BadLock."""
    try:
        document: object = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadLock(f"{name} cannot be parsed") from problem
    if not isinstance(document, dict):
        raise BadLock(f"{name} is no lock file")
    if name == "uv.lock":
        return _uv(document, selection)
    if name == "Pipfile.lock":
        return _pipfile(document, selection)
    if name == "pylock.toml":
        return Locked(tuple(_pins(_tables(document.get("packages")))))
    return _flat(document, selection, manifest)


def _tables(value: object) -> list[Table]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _table(value: object) -> Table:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _pins(packages: Iterable[Table]) -> Iterator[str]:
    for one in packages:
        name, version = _text(one.get("name")), _text(one.get("version"))
        if not name or not version or "+" in version:
            continue  # a local version is on its own index only
        marker = _text(one.get("marker") or one.get("markers"))
        yield f"{name}=={version}" + (f" ; {marker}" if marker else "")


def _uv(document: Table, selection: Selection) -> Locked:
    """The packages that are reached from the project's own entry, through extras and groups."""
    packages = _tables(document.get("package"))
    by_name: dict[str, list[Table]] = {}
    for one in packages:
        by_name.setdefault(_text(one.get("name")), []).append(one)
    members = [one for one in packages if {"virtual", "editable", "directory"} & set(_table(one.get("source")))]
    roots = [one for one in members if _table(one.get("source")).get("virtual", "") == "."
             or _table(one.get("source")).get("editable", "") == "."] or members  # fmt: skip
    pending: list[Table] = []
    for root in roots:
        if not selection.only_group:
            pending.extend(_tables(root.get("dependencies")))
        pending.extend(_chosen(_table(root.get("optional-dependencies")), selection.extras, selection.all_extras))
        pending.extend(_chosen(_table(root.get("dev-dependencies")), selection.groups, selection.all_groups))
    return _reach(pending, by_name, {_text(one.get("name")) for one in members})


def _chosen(tables: Table, names: frozenset[str], everything: bool) -> Iterator[Table]:  # noqa: FBT001 - a filter
    for name, items in tables.items():
        if everything or name in names:
            yield from _tables(items)


def _reach(pending: list[Table], by_name: Mapping[str, list[Table]], own: set[str]) -> Locked:
    lines: dict[str, str] = {}
    notes: list[str] = []
    seen: set[tuple[str, str, str]] = set()
    while pending:
        wanted = pending.pop()
        name, version = _text(wanted.get("name")), _text(wanted.get("version"))
        given = wanted.get("extra")
        extras = [_text(one) for one in given] if isinstance(given, list) else []
        for extra in ("", *extras):
            if (name, version, extra) in seen:
                continue
            seen.add((name, version, extra))
            for package in by_name.get(name, []):
                if version and _text(package.get("version")) != version:
                    continue
                inner = _tables(_table(package.get("optional-dependencies")).get(extra)) if extra else _tables(
                    package.get("dependencies")
                )  # fmt: skip
                marker = _text(wanted.get("marker"))
                pending.extend(_under(one, marker) for one in inner)
                if not extra and name not in own:
                    _add(package, marker, lines, notes)
    return Locked(tuple(lines.values()), tuple(dict.fromkeys(notes)))


def _under(wanted: Table, marker: str) -> Table:
    own = _text(wanted.get("marker"))
    both = f"({marker}) and ({own})" if marker and own else marker or own
    return {**wanted, "marker": both} if both and len(both) < 1000 else wanted


def _add(package: Table, marker: str, lines: dict[str, str], notes: list[str]) -> None:
    name, version = _text(package.get("name")), _text(package.get("version"))
    source = _table(package.get("source"))
    if "git" in source or "url" in source:
        notes.append(f"{name} comes from {'git' if 'git' in source else 'an address'}: the index's release was taken")
        lines[f"{name} git"] = name
        return
    if "+" in version:
        notes.append(f"{name} is pinned to a build that only its own index has: left out")
        return
    markers = package.get("resolution-markers")
    forks = " or ".join(f"({_text(one)})" for one in markers) if isinstance(markers, list) else ""
    condition = " and ".join(f"({one})" for one in (marker, forks) if one)
    key = f"{name}=={version}"
    if key in lines and not condition:
        lines[key] = key
    elif key not in lines:
        lines[key] = f"{key} ; {condition}" if condition else key
    elif " ; " in lines[key]:
        lines[key] = f"{key} ; ({lines[key].partition(' ; ')[2]}) or ({condition})"
        if len(lines[key]) > 2000:
            lines[key] = key


def _flat(document: Table, selection: Selection, manifest: Table) -> Locked:
    """poetry.lock and pdm.lock: each package says its groups; older ones say ``category``."""
    packages = _tables(document.get("package"))
    wanted = {"main", "default"} | selection.groups
    notes: list[str] = []
    kept = []
    reached = (
        None if any("groups" in one or "category" in one for one in packages) else _from_manifest(packages, manifest)
    )
    for one in packages:
        groups = one.get("groups")
        named = {_text(item) for item in groups} if isinstance(groups, list) else {_text(one.get("category")) or "main"}
        if not selection.all_groups and not named & wanted:
            continue
        if reached is not None and _text(one.get("name")).lower() not in reached:
            continue
        if one.get("optional") is True and not selection.extras and not selection.all_extras:
            continue
        kind = _text(_table(one.get("source")).get("type")) or ("git" if one.get("git") else "")
        if kind in {"directory", "file"} or one.get("path"):
            continue
        if kind in {"git", "url"}:
            notes.append(f"{_text(one.get('name'))} comes from {kind}: the index's release was taken")
            one = {"name": _text(one.get("name")), "version": _text(one.get("version"))}  # noqa: PLW2901 - trimmed
        kept.append({**one, "marker": "" if isinstance(one.get("markers"), dict) else one.get("markers", "")})
    return Locked(tuple(_pins(kept)), tuple(notes))


def _from_manifest(packages: Sequence[Table], manifest: Table) -> set[str] | None:
    """Poetry 1.5 to 1.8 name no groups: what is reached from the main dependencies."""
    poetry = _table(_table(manifest.get("tool")).get("poetry"))
    main = [name for name in _table(poetry.get("dependencies")) if name != "python"]
    listed = _table(manifest.get("project")).get("dependencies")
    for one in listed if isinstance(listed, list) else ():
        match = re.match(r"[\w.-]+", _text(one))
        if match:
            main.append(match.group())
    if not main:
        return None
    by_name = {_normal(_text(one.get("name"))): one for one in packages}
    pending, seen = [_normal(one) for one in main], set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending.extend(_normal(one) for one in _table(_table(by_name.get(name)).get("dependencies")))
    return {_text(by_name[name].get("name")).lower() for name in seen if name in by_name}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _pipfile(document: Table, selection: Selection) -> Locked:
    lines, notes = [], []
    sections = ["default", *(["develop"] if selection.all_groups or "dev" in selection.groups else [])]
    for section in sections:
        for name, given in _table(document.get(section)).items():
            entry = _table(given)
            marker = _text(entry.get("markers"))
            version = _text(entry.get("version"))
            if entry.get("path") or entry.get("file"):
                continue
            if entry.get("git"):
                notes.append(f"{name} comes from git: the index's release was taken")
                version = ""
            extras = entry.get("extras")
            more = f"[{','.join(_text(one) for one in extras)}]" if isinstance(extras, list) else ""
            lines.append(f"{name}{more}{version}" + (f" ; {marker}" if marker else ""))
    return Locked(tuple(lines), tuple(notes))
