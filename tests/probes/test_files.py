"""static-file, path-traversal, secret-paths, directory-listing, direct-ports on recorded stacks."""

from pathlib import Path

import pytest

from scanner.facts.direct_ports import DirectPorts, PortState
from scanner.facts.directory_listing import DirectoryListing
from scanner.facts.path_traversal import PathTraversal
from scanner.facts.python_modules import Modules
from scanner.facts.python_source import PythonSource
from scanner.facts.secret_paths import SecretPaths
from scanner.facts.static_file import ServedBy, StaticFile
from scanner.model import Cause, ControlFailed, NoResponse, NotApplicable, Reads, Request, Response, Unavailable
from scanner.project import Checkout, Project
from tests.probes.recorded import NONCE, Recorded, facts, page, place, recording, target_of

BAD = "deploy/nginx/shop.conf"
BESIDE = f"seatrial-{NONCE}-beside.txt"


def test_static_files_of_the_proxy() -> None:
    found = facts("article-good").get(StaticFile)
    assert (found.served_by, found.status, found.plain_status) == (ServedBy.PROXY, 200, 301)
    assert (found.foreign_host_status, found.alias, found.assumed_place) == (None, "/srv/shop/static", False)
    assert found.content_type == "text/css"


def test_static_files_that_are_elsewhere() -> None:
    found = facts("compose-bad").get(StaticFile)
    assert (found.served_by, found.status, found.alias) == (ServedBy.NOBODY, 404, "/var/www/assets")


def test_static_files_of_the_application() -> None:
    found = facts("no-proxy").get(StaticFile)
    assert (found.served_by, found.status, found.alias) == (ServedBy.APP, 200, None)


def test_static_files_on_another_host_are_not_asked_for() -> None:
    with pytest.raises(NotApplicable):
        facts("article-good", static_url="https://cdn.example/static/").get(StaticFile)


def test_static_files_of_an_unknown_place() -> None:
    canaries = tuple(one for one in recording("article-good").live.canaries if one.purpose != "static")
    with pytest.raises(Unavailable):
        facts("article-good", canaries=canaries).get(StaticFile)


def test_files_beside_an_alias() -> None:
    found = facts("article-bad").get(PathTraversal)
    read = {(place(one.location), one.target): one.canary for one in found.attempts if one.canary}
    assert read == {
        ((BAD, 37), f"/static../{BESIDE}"): f"/srv/shop/{BESIDE}",
        ((BAD, 37), f"/static..%2f{BESIDE}"): f"/srv/shop/{BESIDE}",
        ((BAD, 37), f"/static%2e%2e/{BESIDE}"): f"/srv/shop/{BESIDE}",
    }
    assert {place(one.location) for one in found.attempts} == {(BAD, line) for line in (7, 11, 37, 41)}


def sending(tmp_path: Path, prefix: str) -> PythonSource:
    """A project whose code lets nginx send files below a prefix."""
    (tmp_path / "views.py").write_text(f'response["X-Accel-Redirect"] = "{prefix}" + name\n')
    names = ("views.py",)
    checkout = Checkout(root=tmp_path, files=names, tracked=frozenset(names), is_git=True, commit=None, dirty=False)
    return PythonSource(Modules(Project(checkout, ".", "shop", None)))


def test_guarded_files_that_nginx_gives_to_everybody(tmp_path: Path) -> None:
    found = facts("article-bad", python=sending(tmp_path, "/media/")).get(PathTraversal)
    guarded = [one for one in found.attempts if one.kind == "internal"]
    assert {place(one.location) for one in guarded} == {(BAD, 11), (BAD, 41)}
    assert all(one.canary and one.canary.startswith("/srv/shop/media/seatrial-") for one in guarded)


def test_guarded_files_that_are_refused(tmp_path: Path) -> None:
    def refused(request: Request, _answer: Recorded) -> Recorded:
        return page("no", 404) if target_of(request).startswith("/media/") else None

    found = facts("article-bad", refused, python=sending(tmp_path, "/media/")).get(PathTraversal)
    assert {one.canary for one in found.attempts if one.kind == "internal"} == {None}


def test_guarded_files_below_another_address(tmp_path: Path) -> None:
    found = facts("article-bad", python=sending(tmp_path, "/protected/")).get(PathTraversal)
    assert not [one for one in found.attempts if one.kind == "internal"]


def test_no_files_beside_an_alias() -> None:
    found = facts("article-good").get(PathTraversal)
    assert found.attempts
    assert not any(one.canary for one in found.attempts)
    assert found.not_asked == ()


def test_silence_without_a_control_is_no_answer() -> None:
    def denied(request: Request, answer: Recorded) -> Recorded:
        inside = isinstance(answer, Response) and f"seatrial-{NONCE}." in target_of(request)
        return page("", 403) if inside else None

    found = facts("article-good", denied).get(PathTraversal)
    assert found.attempts == ()
    assert len(found.not_asked) == 2


def test_only_a_canary_proves_a_traversal() -> None:
    def everything(request: Request, answer: Recorded) -> Recorded:
        return page("<h1>Welcome</h1>") if isinstance(answer, Response) and "beside" in target_of(request) else None

    found = facts("article-good", everything).get(PathTraversal)
    assert {(one.status, one.canary) for one in found.attempts} == {(200, None)}


def test_the_projects_tree_is_served() -> None:
    found = facts("compose-bad").get(SecretPaths)
    assert {one.name for one in found.served} == {
        *(".env", ".git/HEAD", ".git/config", "db.sqlite3", "requirements.txt", "docker-compose.yml", "Dockerfile"),
        *("id_rsa", "backup.sql", ".htpasswd", "manage.py", "shop/settings.py"),
    }
    assert {place(one.location) for one in found.served} == {("nginx/shop.conf", 32)}
    assert found.refused > 0


def test_no_secret_file_is_served() -> None:
    found = facts("article-good").get(SecretPaths)
    assert found.served == ()
    assert found.refused == 36


def test_a_page_for_every_path_is_no_secret_file() -> None:
    def everything(_request: Request, answer: Recorded) -> Recorded:
        echoed = f"seatrial-canary {NONCE} .env.example and more"
        return page(echoed) if isinstance(answer, Response) and answer.status == 404 else None

    assert facts("article-good", everything).get(SecretPaths).served == ()


def test_secret_files_that_the_proxy_cannot_have() -> None:
    with pytest.raises(NotApplicable, match="can see"):
        facts("compose-loop").get(SecretPaths)
    canaries = tuple(one for one in recording("article-bad").live.canaries if one.purpose != "secret")
    with pytest.raises(Unavailable, match="not known"):
        facts("article-bad", canaries=canaries).get(SecretPaths)


def test_listed_directories() -> None:
    found = facts("article-bad").get(DirectoryListing)
    assert [(one.target, place(one.location), one.exchange.request.door.scheme) for one in found.listed] == [
        ("/media/", (BAD, 41), "https"),
        (f"/media/seatrial-{NONCE}-folder/", (BAD, 41), "https"),
    ]
    assert "/static/" in found.refused


def test_no_listed_directory() -> None:
    found = facts("article-good").get(DirectoryListing)
    assert found.listed == ()
    assert {"/static/", "/media/", "/"} <= set(found.refused)


def test_a_page_that_repeats_its_path_is_no_listing() -> None:
    def repeats(request: Request, answer: Recorded) -> Recorded:
        return page(f"Index of {target_of(request)}") if isinstance(answer, Response) else None

    assert facts("article-good", repeats, app_ready=True).get(DirectoryListing).listed == ()


def test_the_applications_port_is_open() -> None:
    found = facts("article-bad").get(DirectPorts)
    (app,) = (one for one in found.ports if one.state is PortState.OPEN)
    assert (app.port, app.is_app, app.speaks, app.host_spoofed, app.secure_by_header) == (
        8000,
        True,
        "http",
        True,
        True,
    )
    assert place(app.because) == ("deploy/systemd/shop.service", 12)
    assert any(reason.startswith("5432") for reason in found.not_asked)


def test_no_port_is_open() -> None:
    found = facts("article-good").get(DirectPorts)
    assert {one.state for one in found.ports} == {PortState.REFUSED}


def test_ports_are_asked_where_proxy_and_application_share_a_host() -> None:
    with pytest.raises(NotApplicable, match="published ports"):
        facts("compose-bad").get(DirectPorts)
    with pytest.raises(NotApplicable, match="no proxy configuration"):
        facts("no-proxy").get(DirectPorts)


def test_a_shut_door_of_the_proxy_fails_the_control_of_direct_ports() -> None:
    seen = 0

    def later(request: Request, _answer: Recorded) -> Recorded:
        nonlocal seen
        seen += request.reads is Reads.CONNECT_ONLY
        return NoResponse(Cause.TIMEOUT) if seen > 2 and request.reads is Reads.CONNECT_ONLY else None

    with pytest.raises(ControlFailed, match="door is shut"):
        facts("article-bad", later).get(DirectPorts)


def test_an_app_server_that_speaks_no_http() -> None:
    def database(request: Request, answer: Recorded) -> Recorded:
        return NoResponse(Cause.NOT_HTTP) if request.door.port == 8000 and isinstance(answer, Response) else None

    (one,) = (one for one in facts("article-bad", database).get(DirectPorts).ports if one.port == 8000)
    assert (one.speaks, one.is_app, one.secure_by_header) == ("other", True, None)
