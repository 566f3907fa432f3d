"""Merging compose files as Compose does: `-f` lists, `include`, `extends` (docs.docker.com/reference/compose-file)."""

import posixpath
from dataclasses import dataclass, field, replace

from scanner.facts.yaml_nodes import MAX_YAML, Items, Mapping, Node, Scalar, YamlProblem, parse_yaml
from scanner.model import Location
from scanner.project import Project, Unreadable

_MAX_DEPTH = 8
_REPLACED = frozenset({"command", "entrypoint", "test"})
_PAIRS = frozenset({"environment", "labels", "args", "annotations", "sysctls"})
_NAMED = frozenset({"networks", "depends_on"})
_BY_TARGET = frozenset({"volumes", "devices", "configs", "secrets"})
_EMPTY = Mapping((), Location(""))


class ComposeProblem(Exception):
    """A compose file that cannot be taken; ``path`` is the file and ``why`` completes "PATH: …"."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


@dataclass
class Loader:
    """Loads compose files of one project and remembers where each file's relative paths start."""

    project: Project
    bases: dict[str, str] = field(default_factory=dict)
    """File -> directory from which its relative paths are taken."""
    notes: list[str] = field(default_factory=list)

    def document(self, path: str) -> Mapping:
        """One file's tree. Raises ComposeProblem."""
        try:
            tree = parse_yaml(path, self.project.read_text(path, MAX_YAML))
        except Unreadable as problem:
            raise ComposeProblem(path, problem.why) from problem
        except YamlProblem as problem:
            raise ComposeProblem(path, f"{problem.why} (line {problem.location.line})") from problem
        if tree is None or (isinstance(tree, Scalar) and tree.is_null):
            return _EMPTY
        if not isinstance(tree, Mapping):
            raise ComposeProblem(path, "is no compose file: its top level is no mapping")
        return tree

    def load(self, paths: tuple[str, ...], directory: str, depth: int = 0) -> Mapping:
        """The files merged, with what they include and extend. ``directory`` is the project directory."""
        merged = _EMPTY
        for path in paths:
            self.bases.setdefault(path, directory)
            document = self._extended(self.document(path), path, depth)
            for included in self._included(document, directory, depth):
                merged = merge(merged, included)
            merged = merge(merged, document)
        return merged

    def _included(self, document: Mapping, directory: str, depth: int) -> list[Mapping]:
        listed = document.get("include")
        if not isinstance(listed, Items) or depth >= _MAX_DEPTH:
            return []
        found = []
        for item in listed.items:
            written = item.get("path") if isinstance(item, Mapping) else item
            texts = [one.text for one in written.items if isinstance(one, Scalar)] if isinstance(written, Items) else []
            if isinstance(written, Scalar):
                texts = [written.text]
            paths = tuple(posixpath.normpath(posixpath.join(directory, text)) for text in texts)
            missing = [path for path in paths if not self.project.exists(path)]
            if missing or not paths:
                self.notes.append(f"include of {', '.join(missing) or 'nothing'}: not in the checkout")
                continue
            found.append(self.load(paths, posixpath.dirname(paths[0]) or ".", depth + 1))
        return found

    def _extended(self, document: Mapping, path: str, depth: int) -> Mapping:
        services = document.get("services")
        if not isinstance(services, Mapping) or not any(
            isinstance(service, Mapping) and service.get("extends") for _, service in services
        ):
            return document
        pairs = tuple((name, self._extend(service, services, path, depth)) for name, service in services)
        rest = tuple(pair for pair in document.pairs if pair[0].text != "services")
        key = document.key("services") or Scalar("services", services.location)
        return replace(document, pairs=(*rest, (key, replace(services, pairs=pairs))))

    def _extend(self, service: Node, siblings: Mapping, path: str, depth: int) -> Node:
        if not isinstance(service, Mapping):
            return service
        wanted = service.get("extends")
        if wanted is None:
            return service
        own = replace(service, pairs=tuple(pair for pair in service.pairs if pair[0].text != "extends"))
        if depth >= _MAX_DEPTH:
            self.notes.append(f"{path}: extends goes in a circle, or too deep")
            return own
        name, file = wanted, None
        if isinstance(wanted, Mapping):
            name, file = wanted.get("service") or wanted, wanted.get("file")
        if not isinstance(name, Scalar):
            return own
        if isinstance(file, Scalar):
            other = posixpath.normpath(posixpath.join(posixpath.dirname(path), file.text))
            if not self.project.exists(other):
                self.notes.append(f"extends {file.text}: not in the checkout")
                return own
            self.bases.setdefault(other, posixpath.dirname(other) or ".")
            found = self.document(other).get("services")
            siblings, path = (found if isinstance(found, Mapping) else _EMPTY), other
        base = siblings.get(name.text)
        if not isinstance(base, Mapping):
            self.notes.append(f"extends {name.text}: there is no such service")
            return own
        parent = self._extend(base, siblings, path, depth + 1)
        return merge(parent, own) if isinstance(parent, Mapping) else own


def as_pairs(node: Node | None) -> Mapping:
    """``environment``, ``labels`` and the like as a mapping, also where they are a list of ``KEY=value``."""
    if isinstance(node, Mapping):
        return node
    if not isinstance(node, Items):
        return _EMPTY
    pairs = []
    for item in node.items:
        if isinstance(item, Scalar):
            key, equals, value = item.text.partition("=")
            column = item.location.column + (len(key) + 1 if equals else 0)
            place = Location(item.location.path, item.location.line, column)
            # KEY alone passes the variable on from where Compose runs.
            pairs.append((Scalar(key.strip(), item.location), Scalar(value, place, plain=not equals)))
    return Mapping(tuple(pairs), node.location, weight=node.weight)


def _as_names(node: Node) -> Mapping:
    if isinstance(node, Mapping):
        return node
    items = node.items if isinstance(node, Items) else ()
    pairs = tuple((item, Scalar("", item.location)) for item in items if isinstance(item, Scalar))
    return Mapping(pairs, node.location, weight=node.weight)


def _target(item: Node) -> str:
    if isinstance(item, Mapping):
        target = item.get("target")
        return target.text if isinstance(target, Scalar) else ""
    if not isinstance(item, Scalar):
        return ""
    parts = item.text.split(":")
    return parts[1] if len(parts) > 1 and not parts[1].startswith(("ro", "rw")) else parts[0]


def _items(key: str, base: Items, over: Items) -> Items:
    kept = base.items
    if key in _BY_TARGET:
        targets = {_target(item) for item in over.items}
        kept = tuple(item for item in base.items if _target(item) not in targets)
    else:
        texts = {item.text for item in over.items if isinstance(item, Scalar)}
        kept = tuple(item for item in base.items if not (isinstance(item, Scalar) and item.text in texts))
    return Items((*kept, *over.items), over.location, weight=base.weight + over.weight)


def _merged(key: str, base: Node | None, over: Node) -> Node:
    if base is None or over.tag == "!override" or key in _REPLACED:
        return over
    if key in _PAIRS:
        return merge(as_pairs(base), as_pairs(over))
    if key in _NAMED and (isinstance(base, Mapping) or isinstance(over, Mapping)):
        return merge(_as_names(base), _as_names(over))
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return merge(base, over)
    if isinstance(base, Items) and isinstance(over, Items):
        return _items(key, base, over)
    if key == "build" and isinstance(base, Mapping) and isinstance(over, Scalar):
        return merge(base, Mapping(((Scalar("context", over.location), over),), over.location))
    return over


def merge(base: Mapping, over: Mapping) -> Mapping:
    """One mapping over another, as Compose merges them; ``!reset`` takes a key away, ``!override`` replaces it."""
    pairs: dict[str, tuple[Scalar, Node]] = {name.text: (name, value) for name, value in base}
    for name, value in over:
        if value.tag == "!reset":
            pairs.pop(name.text, None)
            continue
        known = pairs.get(name.text)
        # A service that an override only completes is still the first file's: its name is there.
        pairs[name.text] = (known[0] if known else name, _merged(name.text, known[1] if known else None, value))
    where = base.location if base.location.path else over.location
    return Mapping(tuple(pairs.values()), where, weight=base.weight + over.weight)
