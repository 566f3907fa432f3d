"""A module that cannot be imported: found elsewhere in the checkout, installed, made from an example, or stubbed."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from scanner.boot.draft import Draft
from scanner.boot.placeholders import Placeholders
from scanner.boot.record import Fault
from scanner.facts.boot_plan import MadeFile
from scanner.facts.environment_readers import dotted
from scanner.facts.secrets import is_placeholder, is_secret_key
from scanner.project import Project, Unreadable
from scanner.project.scope import tokens

# Only names that everybody knows: a name out of the project's own code must not make us install what a stranger
# has put on the index under it.
DISTRIBUTIONS: Mapping[str, str] = {
    "MySQLdb": "mysqlclient",
    "PIL": "Pillow",
    "allauth": "django-allauth",
    "axes": "django-axes",
    "boto3": "boto3",
    "bs4": "beautifulsoup4",
    "celery": "celery",
    "channels": "channels",
    "ckeditor": "django-ckeditor",
    "cloudinary": "cloudinary",
    "compressor": "django-compressor",
    "configurations": "django-configurations",
    "corsheaders": "django-cors-headers",
    "crispy_bootstrap5": "crispy-bootstrap5",
    "crispy_forms": "django-crispy-forms",
    "cryptography": "cryptography",
    "csp": "django-csp",
    "daphne": "daphne",
    "dateutil": "python-dateutil",
    "debug_toolbar": "django-debug-toolbar",
    "decouple": "python-decouple",
    "distutils": "setuptools<81",
    "dj_database_url": "dj-database-url",
    "django_celery_beat": "django-celery-beat",
    "django_celery_results": "django-celery-results",
    "django_extensions": "django-extensions",
    "django_filters": "django-filter",
    "django_heroku": "django-heroku",
    "django_redis": "django-redis",
    "dotenv": "python-dotenv",
    "drf_spectacular": "drf-spectacular",
    "drf_yasg": "drf-yasg",
    "dynaconf": "dynaconf",
    "environ": "django-environ",
    "environs": "environs",
    "gunicorn": "gunicorn",
    "import_export": "django-import-export",
    "jwt": "PyJWT",
    "markdown": "Markdown",
    "mptt": "django-mptt",
    "openai": "openai",
    "phonenumber_field": "django-phonenumber-field",
    "pkg_resources": "setuptools<81",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "pydantic": "pydantic",
    "pydantic_settings": "pydantic-settings",
    "pymysql": "PyMySQL",
    "pytest": "pytest",
    "pytz": "pytz",
    "redis": "redis",
    "requests": "requests",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "sass_processor": "django-sass-processor",
    "sentry_sdk": "sentry-sdk",
    "setuptools": "setuptools<81",
    "simple_history": "django-simple-history",
    "six": "six",
    "split_settings": "django-split-settings",
    "storages": "django-storages",
    "stripe": "stripe",
    "structlog": "structlog",
    "taggit": "django-taggit",
    "toml": "toml",
    "whitenoise": "whitenoise",
    "yaml": "PyYAML",
}
_MISSING = re.compile(r"No module named ['\"]([\w.]+)['\"]")
_LIBRARIES = (
    (re.compile(r"libpq\.so"), ("libpq5",)),
    (re.compile(r"libmysqlclient|libmariadb"), ("libmariadb3",)),
    (re.compile(r"GDAL library|libgdal"), ("gdal-bin", "libgdal-dev")),
    (re.compile(r"libgeos|GEOS library"), ("libgeos-dev",)),
    (re.compile(r"failed to find libmagic|libmagic"), ("libmagic1",)),
    (re.compile(r"libpango|libgobject|cairo"), ("libpango-1.0-0", "libpangoft2-1.0-0", "libcairo2", "libglib2.0-0")),
    (re.compile(r"libGL\.so"), ("libgl1", "libglib2.0-0")),
    (re.compile(r"libxmlsec1"), ("libxmlsec1-openssl",)),
    (re.compile(r"libldap"), ("libldap-2.5-0",)),
    (re.compile(r"libzbar"), ("libzbar0",)),
)


@dataclass(frozen=True)
class Offers:
    """What can be installed beside what the project asks for."""

    known: Mapping[str, str]
    """Module -> the distribution that everybody knows for it."""
    elsewhere: Mapping[str, str]
    """Normalised name -> a requirement line of another file of the project."""
    system: bool
    """System packages can be added."""


def repair_module(
    fault: Fault, draft: Draft, project: Project, placeholders: Placeholders, offers: Offers
) -> Draft | None:
    """The next draft for an import that failed; None where it is something else or cannot be helped."""
    library = _library(fault, draft) if offers.system else None
    if library is not None:
        return library
    match = _MISSING.search(fault.text) or next((one for text in fault.causes if (one := _MISSING.search(text))), None)
    name = fault.missing or (match.group(1) if match else "")
    if not name or "No module named" not in " ".join((fault.text, *fault.causes)):
        return None
    return (
        _elsewhere(name, draft, project)
        or _installed(name, draft, offers)
        or _from_example(name, draft, project, placeholders)
        or _stub(name, draft, project, placeholders)
    )


def _library(fault: Fault, draft: Draft) -> Draft | None:
    text = " ".join((fault.text, *fault.causes))
    if not re.search(r"cannot open shared object|cannot load library|[Ff]ailed to find|[Cc]ould not find", text):
        return None
    for pattern, packages in _LIBRARIES:
        ready = draft.once(f"library {packages[0]}") if pattern.search(text) else None
        if ready is not None:
            added = replace(ready, system_packages=tuple(dict.fromkeys([*ready.system_packages, *packages])))
            return added.note(f"the system packages {', '.join(packages)} were added")
    return None


_SOURCES = ("apps", "src", "lib")


def _elsewhere(name: str, draft: Draft, project: Project) -> Draft | None:
    """The checkout has it in another directory: ``manage.py`` or the server would have put that on the path."""
    inside = name.replace(".", "/")
    endings = (f"/{inside}/__init__.py", f"/{inside}.py")
    found = sorted(
        (path for path in project.checkout.files if f"/{path}".endswith(endings)),
        key=lambda path: (path.count("/"), path),
    )
    up = name.count(".")
    roots = [str(PurePosixPath(one).parents[up + one.endswith("/__init__.py")]) for one in found]
    # A directory that is a package itself holds no top-level modules, unless somebody puts it on the path all the same.
    roots.sort(key=lambda one: project.exists(str(PurePosixPath(one, "__init__.py"))) and not one.endswith(_SOURCES))
    for root in dict.fromkeys(roots):
        place = in_sandbox(draft, root)
        ready = draft.once(f"path {place}") if place and place not in draft.plan.python_path else None
        if ready is not None and place:
            return ready.path(place).note(f"{root} was put on the import path (for {name})")
    return None


def in_sandbox(draft: Draft, path: str) -> str | None:
    """Where a path of the checkout lies in the sandbox; None where it is not there."""
    for tree in draft.plan.trees:
        if tree.source in {".", path} or path.startswith(f"{tree.source}/"):
            inside = path if tree.source == "." else path[len(tree.source) :].lstrip("/")
            return str(PurePosixPath(tree.target, inside or "."))
    return None


def _installed(name: str, draft: Draft, offers: Offers) -> Draft | None:
    """A distribution that other files of the project name, or one that everybody knows."""
    top = name.partition(".")[0]
    wanted = offers.known.get(top)
    normal = re.sub(r"[-_.]+", "-", wanted or top).lower()
    line = offers.elsewhere.get(re.split(r"[\[<=]", normal)[0]) or offers.elsewhere.get(f"django-{normal}") or wanted
    ready = draft.once(f"install {line}") if line else None
    if ready is None or line is None:
        return None
    return replace(ready, requirements=(*ready.requirements, line)).note(
        f"{top} is imported and not among the dependencies: {re.split(r'[ ;]', line)[0]} was installed"
    )


_EXAMPLES = (
    "example.{stem}.py",
    "example_{stem}.py",
    "sample_{stem}.py",
    "{stem}-example.py",
    "{stem}.default.py",
    "{stem}.dist.py",
    "{stem}.example.py",
    "{stem}.py-dist",
    "{stem}.py-example",
    "{stem}.py-sample",
    "{stem}.py.default",
    "{stem}.py.dist",
    "{stem}.py.example",
    "{stem}.py.in",
    "{stem}.py.sample",
    "{stem}.py.template",
    "{stem}.py.tmpl",
    "{stem}.py_example",
    "{stem}.sample.py",
    "{stem}.template.py",
    "{stem}.tmpl.py",
    "{stem}_default.py",
    "{stem}_example.py",
    "{stem}_sample.py",
    "{stem}_template.py",
)


def _places(name: str, draft: Draft, project: Project) -> Iterator[tuple[str, str]]:
    """Where the module would lie: the file in the checkout, and the same in the sandbox."""
    inside = name.replace(".", "/")
    parent = inside.rpartition("/")[0]
    for directory in draft.plan.python_path:
        root = draft.plan.in_checkout(directory)
        if root is None:
            continue
        base = "" if root == "." else f"{root}/"
        is_package = not parent or any(path.startswith(f"{base}{parent}/") for path in project.checkout.files)
        if is_package:
            yield f"{base}{inside}.py", f"{directory}/{inside}.py"


def _from_example(name: str, draft: Draft, project: Project, placeholders: Placeholders) -> Draft | None:
    for wanted, target in _places(name, draft, project):
        directory, stem = PurePosixPath(wanted).parent, PurePosixPath(wanted).stem
        for pattern in _EXAMPLES:
            candidate = str(directory / pattern.format(stem=stem))
            ready = draft.once(f"example {candidate}") if project.exists(candidate) else None
            if ready is not None:
                return _filled(
                    ready, project.read_text(candidate), f"{wanted} was made from {candidate}", target, placeholders
                )
    return None


_EMPTY = re.compile(r"^(\s*)([A-Z][A-Z0-9_]*)(\s*=\s*)(['\"])([^'\"\n]*)\4", re.MULTILINE)


def _filled(draft: Draft, text: str, why: str, target: str, placeholders: Placeholders) -> Draft:
    """The example with made-up values where people put their own keys."""
    marks: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        indent, name, sign, _, value = match.groups()
        if not is_secret_key(name) or not (is_placeholder(value) or len(value) < 50):
            return match.group()
        made = placeholders.make(name)
        marks[name] = made.mark
        return f"{indent}{name}{sign}{made.value!r}"

    changed = draft.file(MadeFile(target, _EMPTY.sub(fill, text).encode(), why)).note(why)
    return replace(changed, marks={**changed.marks, **marks})


def _stub(name: str, draft: Draft, project: Project, placeholders: Placeholders) -> Draft | None:
    """A module that the repository does not hold on purpose: one with a made-up value for each name taken from it."""
    places = list(_places(name, draft, project))
    ready = draft.once(f"stub {name}") if places else None
    if ready is None or not _is_local(name, project):
        return None
    wanted, target = places[0]
    lines, marks = [], {}
    for taken, called in sorted(_taken(name, project).items()):
        if called:
            lines.append(f"def {taken}(*args, **kwargs):\n    return None\n")
            continue
        made = placeholders.make(taken)
        lines.append(f"{taken} = {made.value!r}\n")
        marks[f"{name}.{taken}"] = made.mark
    why = f"{wanted} is not in the repository: a stub with {len(lines)} made-up names took its place"
    changed = ready.file(MadeFile(target, "".join(lines).encode(), why)).note(why)
    return replace(changed, marks={**changed.marks, **marks})


def _is_local(name: str, project: Project) -> bool:
    """Whether it looks like the project's own: below one of its packages, ignored by git, or named like settings."""
    parts = name.split(".")
    if parts[0] in DISTRIBUTIONS:
        return False
    if len(parts) > 1:
        return True
    words = tokens(name)
    if words & {
        "secret",
        "secrets",
        "settings",
        "config",
        "conf",
        "local",
        "env",
        "prod",
        "credentials",
        "private",
        "keys",
    }:
        return True
    for path in project.glob(".gitignore", "**/.gitignore"):
        try:
            if re.search(rf"(?:^|/){re.escape(name)}(?:\.py|/)?\s*$", project.read_text(path), re.MULTILINE):
                return True
        except Unreadable:
            continue
    return False


def _taken(name: str, project: Project) -> dict[str, bool]:
    """Names that the project imports from that module, or reads as its attributes; True for those that it calls."""
    last = name.rpartition(".")[2]
    found: set[str] = set()
    called: set[str] = set()
    for path in project.files:
        if not path.endswith(".py") or len(found) > 200:
            continue
        try:
            text = project.read_text(path, 512 * 1024)
            tree = ast.parse(text) if last in text else ast.Module([], [])
        except (Unreadable, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        here: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2] == last:
                here.update(alias.name for alias in node.names if alias.name != "*")
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == last:
                here.add(node.attr)
        called |= {dotted(node.func).rpartition(".")[2] for node in ast.walk(tree) if isinstance(node, ast.Call)} & here
        found |= here
    return {one: one in called for one in found if one.isidentifier() and not one.startswith("__")}
