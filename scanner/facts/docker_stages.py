"""From a Dockerfile's instructions to what ships: stages, user, command, working directory, copied files."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scanner.facts.commands import Command, Word, resolve
from scanner.facts.deploy_paths import PathMap, find_in_checkout, script_finder
from scanner.facts.docker_syntax import (
    MAX_DOCKERFILE,
    Instruction,
    command_words,
    key_values,
    parse_dockerfile,
    split_flags,
    substitute,
)
from scanner.facts.docker_types import Copy, Dockerfile, Stage, copied_paths
from scanner.facts.images import default_user, drops_privileges, is_proxy, parse_image
from scanner.facts.ini_syntax import place_words
from scanner.facts.secrets import ValueKind, examine, masked
from scanner.model import Location, Unknown
from scanner.project import Project, Unreadable

_FROM = re.compile(r"(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_DROPPING = re.compile(r"(?<![\w-])(?:gosu|su-exec|setpriv|s6-setuidgid|setuidgid|chpst|runuser|su\s+-)(?![\w-])")
_UID = re.compile(r"^\s*uid\s*=\s*(?!root\b|0\b)\S", re.MULTILINE)
_PROGRAM_USER = re.compile(r"^user\s*=\s*(?!root\b|0\b)\S", re.MULTILINE)
_OTHER_RUNTIME = re.compile(r"node|bun|deno|nginx|httpd|caddy|golang|php|ruby|openjdk|traefik|haproxy")
_PREDEFINED = {
    "TARGETPLATFORM": "linux/amd64",
    "BUILDPLATFORM": "linux/amd64",
    "TARGETARCH": "amd64",
    "TARGETOS": "linux",
}


@dataclass
class _Image:
    """The state that a stage's instructions lead to."""

    base: str | Unknown
    base_location: Location
    user: str | Unknown | None = None
    user_location: Location | None = None
    base_user_known: bool = False
    workdir: str = "/"
    workdir_set: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    entrypoint: tuple[tuple[str, Location], ...] = ()
    command: tuple[tuple[str, Location], ...] = ()
    entrypoint_location: Location | None = None
    command_location: Location | None = None
    command_own: bool = False
    copies: list[Copy] = field(default_factory=list)
    exposes: list[int] = field(default_factory=list)
    shells: list[str] = field(default_factory=list)
    """Texts of RUN: they may write the entry point."""

    @property
    def variables(self) -> dict[str, str]:
        return {**_PREDEFINED, **self.arguments, **self.environment}


def _stages(instructions: Sequence[Instruction]) -> tuple[tuple[Stage, ...], dict[str, str]]:
    """The stages, and the arguments before the first FROM."""
    outer: dict[str, str] = {}
    stages: list[Stage] = []
    current: list[Instruction] = []
    head: tuple[str | None, str | Unknown, Location] | None = None

    def close() -> None:
        if head is not None:
            stages.append(Stage(head[0], head[1], head[2], tuple(current)))

    for one in instructions:
        if one.keyword == "FROM":
            close()
            current = []
            _, rest = split_flags(one.arguments)
            match = _FROM.match(rest)
            written = match.group(1) if match else ""
            base = substitute(written, {**_PREDEFINED, **outer})
            known: str | Unknown = base or Unknown(f"image {written[:80]}", one.location)
            head = (match.group(2) if match else None, known, one.location)
        elif head is None:
            if one.keyword == "ARG":
                outer.update({key: substitute(value, outer) or value for key, value in key_values(one.arguments)})
        else:
            current.append(one)
    close()
    return tuple(stages), outer


def _images(stages: Sequence[Stage], outer: Mapping[str, str]) -> list[_Image]:
    made: list[_Image] = []
    by_name: dict[str, int] = {}
    for index, stage in enumerate(stages):
        parent = by_name.get(stage.base.casefold()) if isinstance(stage.base, str) else None
        if parent is not None:
            image = _child(made[parent])
        else:
            image = _Image(stage.base, stage.location)
            user = default_user(stage.base) if isinstance(stage.base, str) else None
            image.base_user_known = user is not None or stage.base == "scratch"
            if user not in {None, "root"}:
                image.user, image.user_location = user, stage.location
        for one in stage.instructions:
            _apply(image, one, outer)
        made.append(image)
        by_name[str(index)] = index
        if stage.name:
            by_name[stage.name.casefold()] = index
    return made


def _child(parent: _Image) -> _Image:
    return _Image(
        base=parent.base,
        base_location=parent.base_location,
        user=parent.user,
        user_location=parent.user_location,
        base_user_known=parent.base_user_known,
        workdir=parent.workdir,
        workdir_set=parent.workdir_set,
        environment=dict(parent.environment),
        entrypoint=parent.entrypoint,
        command=parent.command,
        entrypoint_location=parent.entrypoint_location,
        command_location=parent.command_location,
        copies=list(parent.copies),
        exposes=list(parent.exposes),
        shells=list(parent.shells),
    )


def _apply(image: _Image, one: Instruction, outer: Mapping[str, str]) -> None:
    match one.keyword:
        case "USER":
            written = one.arguments.strip()
            user = substitute(written, image.variables)
            image.user = user or Unknown(f"USER {written[:80]}", one.location)
            image.user_location = one.location
        case "WORKDIR":
            path = substitute(one.arguments.strip().strip("\"'"), image.variables)
            if path:
                image.workdir = posixpath.normpath(posixpath.join(image.workdir, path))
                image.workdir_set = True
        case "ENV":
            for key, value in key_values(one.arguments):
                image.environment[key] = substitute(value, image.variables) or value
        case "ARG":
            _argument(image, one, outer)
        case _:
            _start(image, one)


def _start(image: _Image, one: Instruction) -> None:
    """The instructions that decide what is started and what lies in the image."""
    match one.keyword:
        case "CMD":
            image.command, image.command_location, image.command_own = _placed(one), one.location, True
        case "ENTRYPOINT":
            image.entrypoint, image.entrypoint_location = _placed(one), one.location
            if not image.command_own:
                # Docker forgets the CMD of the base where a new ENTRYPOINT is set.
                image.command, image.command_location = (), None
        case "COPY" | "ADD":
            _copy(image, one)
        case "EXPOSE":
            ports = substitute(one.arguments, image.variables) or ""
            image.exposes += [int(port) for port in re.findall(r"(?<!\S)(\d{1,5})(?:/tcp)?(?!\S)", ports)]
        case "RUN":
            image.shells.append(one.arguments)
        case _:
            return


def _argument(image: _Image, one: Instruction, outer: Mapping[str, str]) -> None:
    pairs = key_values(one.arguments)
    for key, value in pairs:
        image.arguments[key] = substitute(value, image.variables) or value
    if not pairs:
        name = one.arguments.strip()
        if name in outer:
            image.arguments[name] = outer[name]


def _placed(one: Instruction) -> tuple[tuple[str, Location], ...]:
    words = command_words(one.arguments)
    looked_for = words
    if words[:2] == ("sh", "-c") and not one.arguments.lstrip().startswith("["):
        # The shell form: the text begins where the arguments do.
        first = one.pieces[0] if one.pieces else None
        start = Location(one.location.path, first.line, first.column) if first else one.location
        return tuple((word, start) for word in words)
    places = place_words(one.location.path, one.pieces, looked_for)
    return tuple(zip(words, places or [one.location] * len(words), strict=True))


def _copy(image: _Image, one: Instruction) -> None:
    flags, rest = split_flags(one.arguments)
    if "from" in flags:
        return
    words = list(command_words(rest)) if rest.startswith("[") else rest.split()
    if len(words) < 2:
        return
    known = [substitute(word, image.variables) or word for word in words]
    target = posixpath.join(image.workdir, known[-1])
    ends = known[-1].endswith("/") or known[-1] in {".", "./"} or len(known) > 2
    normal = posixpath.normpath(target)
    image.copies.append(Copy(tuple(known[:-1]), f"{normal}/" if ends and normal != "/" else normal, one.location))


def guess_context(project: Project, path: str, sources: Sequence[str]) -> str:
    """The build context that a Dockerfile expects: the nearest directory above it that holds what it copies."""
    wanted = [source.lstrip("/").rstrip("/") for source in sources if not re.search(r"[*?$]|://|^<<", source)]
    wanted = [source.removeprefix("./") for source in wanted if source not in {"", "."}]
    directory = posixpath.dirname(path) or "."
    candidates = [directory]
    while directory != ".":
        directory = posixpath.dirname(directory) or "."
        candidates.append(directory)
    if not wanted:
        return candidates[0]

    def held(base: str) -> int:
        paths = [posixpath.normpath(posixpath.join(base, one)) for one in wanted]
        return sum(project.exists(one) or one in project.checkout.directories for one in paths)

    return max(candidates, key=lambda base: (held(base), -candidates.index(base)))


def read_dockerfile(
    project: Project, path: str, text: str, *, context: str | None = None, target: str | None = None
) -> Dockerfile:
    """What a Dockerfile ships. ``context`` and ``target`` are compose's, where it builds the file."""
    parsed = parse_dockerfile(path, text)
    stages, outer = _stages(parsed.instructions)
    errors = parsed.errors
    if not stages:
        place = Location(path)
        return _nothing(path, (*errors, ("it has no FROM instruction", place)))
    images = _images(stages, outer)
    shipped = len(stages) - 1
    if target is not None:
        named = [
            index for index, stage in enumerate(stages) if stage.name and stage.name.casefold() == target.casefold()
        ]
        shipped = named[0] if named else shipped
    image = images[shipped]
    if context is None:
        context = guess_context(project, path, [source for copy in image.copies for source in copy.sources])
    words = (*image.entrypoint, *_appended(image))
    paths = PathMap.of(pair for copy in reversed(image.copies) for pair in copied_paths(context, copy))
    found = resolve([Word(*word) for word in words], script_finder(project, paths, image.workdir, path))
    environment = {key: examine(key, value) for key, value in image.environment.items()}
    shown = masked([word for word, _ in words])
    return Dockerfile(
        path=path,
        stages=stages,
        shipped=shipped,
        user=image.user,
        user_location=image.user_location or stages[shipped].location,
        base_user_known=image.base_user_known,
        drops_privileges=_drops(project, image, found, paths, path),
        command=shown,
        command_location=image.command_location or image.entrypoint_location,
        workdir=image.workdir if image.workdir_set else None,
        serves_app=_serves(project, image, found, context),
        errors=errors,
        context=context,
        base=image.base,
        copies=tuple(image.copies),
        environment={key: None if seen.kind is ValueKind.SECRET else seen.value for key, seen in environment.items()},
        exposes=tuple(dict.fromkeys(image.exposes)),
        command_words=tuple(zip(shown, [place for _, place in words], strict=True)),
        entrypoint_length=len(image.entrypoint),
    )


def _nothing(path: str, errors: tuple[tuple[str, Location], ...]) -> Dockerfile:
    return Dockerfile(
        path=path,
        stages=(),
        shipped=0,
        user=None,
        user_location=Location(path),
        base_user_known=False,
        drops_privileges=False,
        command=(),
        command_location=None,
        workdir=None,
        serves_app=False,
        errors=errors,
    )


def _appended(image: _Image) -> tuple[tuple[str, Location], ...]:
    """CMD's words as Docker gives them to ENTRYPOINT: a shell form there ignores them."""
    if image.entrypoint and [word for word, _ in image.entrypoint[:2]] == ["sh", "-c"]:
        return ()
    return image.command


def _drops(project: Project, image: _Image, found: Command | None, paths: PathMap, path: str) -> bool:
    if isinstance(image.base, str) and drops_privileges(image.base):
        return True
    if found is not None:
        if found.user not in {None, "root", "0"}:
            return True
        if _configured_user(project, found, path):
            return True
        if found.server == "gunicorn" and any(
            word in {"-u", "--user"} or word.startswith("--user=") for word in found.argv
        ):
            return True
    texts = [word for word, _ in (*image.entrypoint, *image.command)]
    find = script_finder(project, paths, image.workdir, path)
    scripts = [script.text for word in texts if "/" in word or word.endswith(".sh") if (script := find(word))]
    if texts[:1] == ["/init"]:
        scripts += _supervised(project)
    return any(_DROPPING.search(text) for text in (*texts, *scripts))


def _supervised(project: Project) -> list[str]:
    """The services of s6-overlay, which its ``/init`` starts as root: each drops it by itself."""
    texts = []
    for path in project.files:
        if path.endswith("/run") and not {"s6-rc.d", "services.d"}.isdisjoint(path.split("/")):
            try:
                texts.append(project.read_text(path, MAX_DOCKERFILE))
            except Unreadable:
                continue  # a service that cannot be read drops nothing as far as this can tell
    return texts


def _configured_user(project: Project, found: Command, path: str) -> bool:
    """uWSGI's ``uid``, or a ``user`` for every program of supervisor, in the file that the command names."""
    if found.server == "uwsgi":
        files, wanted = [word for word in found.argv if word.endswith(".ini")], _UID
        if any(word.startswith("--uid") for word in found.argv):
            return True
    elif found.program == "supervisord":
        files, wanted = [word for word in found.argv if word.endswith((".conf", ".ini"))], None
    else:
        return False
    for file in files:
        written = find_in_checkout(project, file.rpartition("=")[2], path)
        try:
            text = project.read_text(written) if written else ""
        except Unreadable:
            continue  # whoever reads the file as what it is reports it
        if wanted is not None and wanted.search(text):
            return True
        programs = re.split(r"^\[(?=\w)", text, flags=re.MULTILINE)
        started = [one for one in programs if one.startswith("program:")]
        if wanted is None and started and all(_PROGRAM_USER.search(one) for one in started):
            return True
    return False


def _serves(project: Project, image: _Image, found: Command | None, context: str) -> bool:
    if found is not None and (found.server or found.works or found.manages):
        return True
    if isinstance(image.base, str) and (is_proxy(image.base) or _OTHER_RUNTIME.fullmatch(parse_image(image.base).last)):
        return False
    wanted = project.manage or project.inside("manage.py")
    copied = [inner for copy in image.copies for _, inner in copied_paths(context, copy)]
    return any(inner in {".", wanted} or wanted.startswith(f"{inner}/") for inner in copied)
