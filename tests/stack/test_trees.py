"""Where canaries lie: where production has the files, not where the configuration looks for them."""

from scanner.facts.compose import Service, ServiceRole, Volume
from scanner.model import Location
from scanner.stack.trees import (
    Production,
    ProxySees,
    app_canaries,
    proxy_canaries,
    sees_everything,
    sees_nothing_known,
    sees_volumes,
)
from tests.stack.facts import NONCE

PRODUCTION = Production(
    "/srv/shop", "/srv/shop/app", "/srv/shop/app/config/settings.py", "/srv/shop/static", "/srv/shop/media"
)
HERE = Location("compose.yml")


def service(name: str, *volumes: tuple[str, str], build: str | None = None) -> Service:
    return Service(
        name=name,
        role=ServiceRole.APP,
        store=None,
        image=None,
        build_context=build,
        dockerfile=None,
        build_target=None,
        command=None,
        command_location=None,
        entrypoint=None,
        ports=(),
        expose=(),
        variables=(),
        env_files=(),
        volumes=tuple(Volume(source, target, False, source.startswith("."), HERE) for source, target in volumes),
        networks=(),
        network_mode=None,
        user=None,
        user_location=None,
        profiles=(),
        working_dir=None,
        depends_on=(),
        location=HERE,
    )


def paths(
    sees: ProxySees, *aliases: str, served: tuple[str, ...] = (), assumed: str | None = None
) -> dict[str, tuple[str, str]]:
    found = proxy_canaries(NONCE, PRODUCTION, sees, (*aliases, *served), aliases, assumed, None)
    return {canary.path: (canary.purpose, canary.text) for canary in found}


def test_same_host() -> None:
    found = paths(sees_everything(), "/srv/shop/static/")
    assert found[f"/srv/shop/static/seatrial-{NONCE}.css"] == ("static", f"proxy {NONCE}")
    assert found[f"/srv/shop/media/seatrial-{NONCE}.jpg"][0] == "media"
    assert found["/srv/shop/.env"] == ("secret", f"seatrial-canary {NONCE} .env")
    assert found["/srv/shop/app/manage.py"][0] == "secret"
    assert found["/srv/shop/app/config/settings.py"][0] == "secret"
    assert found[f"/srv/shop/seatrial-{NONCE}-beside.txt"][0] == "parent"
    assert found[f"/srv/seatrial-{NONCE}-beside.txt"][0] == "parent"


def test_an_alias_that_points_elsewhere_has_no_static_canary() -> None:
    found = paths(sees_everything(), "/var/www/assets/")
    assert f"/var/www/assets/seatrial-{NONCE}.css" not in found
    assert found[f"/var/www/assets/seatrial-{NONCE}.txt"][0] == "served"


def test_every_canary_of_a_secret_names_its_file() -> None:
    texts = [text for purpose, text in paths(sees_everything()).values() if purpose == "secret"]
    assert len(texts) > 10
    assert all(text.startswith(f"seatrial-canary {NONCE} ") for text in texts)


def test_shared_volumes() -> None:
    app = service("web", ("static", "/srv/shop/static"), ("media", "/srv/shop/media"))
    proxy = service("nginx", ("static", "/var/www/static"))
    found = paths(sees_volumes(app, proxy, lambda _: None), "/var/www/static/", served=("/var/www/media",))
    assert found[f"/var/www/static/seatrial-{NONCE}.css"][0] == "static"
    assert not any(purpose in {"media", "secret"} for purpose, _ in found.values())


def test_a_proxy_that_binds_the_checkout_has_its_secrets() -> None:
    app = service("web", ("static", "/srv/shop/static"))
    proxy = service("nginx", (".", "/code"), ("static", "/var/www/static"))
    inside = {"/srv/shop": ".", "/srv/shop/app": "app", "/srv/shop/static": "static"}
    found = paths(sees_volumes(app, proxy, inside.get))
    assert found["/code/.env"][0] == "secret"
    assert found["/code/app/manage.py"][0] == "secret"
    assert f"/var/www/static/seatrial-{NONCE}.css" in found, "the volume hides the directory of the checkout"
    assert f"/code/static/seatrial-{NONCE}.css" not in found


def test_a_directory_of_the_checkout_that_both_bind() -> None:
    app = service("web", ("static", "/srv/shop/static"))
    proxy = service("nginx", ("static/sub", "/x"), ("static", "/files"))
    assert f"/files/seatrial-{NONCE}.css" in paths(sees_volumes(app, proxy, lambda _: None))


def test_nobody_knows_what_an_own_image_holds() -> None:
    proxy = service("nginx", build="nginx")
    sees = sees_volumes(service("web"), proxy, lambda _: None)
    assert sees.assumed
    assert f"/usr/share/nginx/static/seatrial-{NONCE}.css" in paths(sees, assumed="/usr/share/nginx/static")
    plain = sees_volumes(service("web"), service("nginx"), lambda _: None)
    assert f"/usr/share/nginx/static/seatrial-{NONCE}.css" not in paths(plain, assumed="/usr/share/nginx/static")
    assert sees_nothing_known().assumed


def test_the_application_has_other_canaries() -> None:
    found = {canary.path: canary for canary in app_canaries(NONCE, PRODUCTION.static_root, PRODUCTION.media_root)}
    assert found[f"/srv/shop/static/seatrial-{NONCE}.css"].text == f"app {NONCE}"
    assert all(canary.tree == "app" for canary in found.values())
    assert app_canaries(NONCE, None, None) == ()
