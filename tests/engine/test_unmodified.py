"""The hook in every supported Django: the probe answers, and everything else stays as it is without it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scanner.sandbox.interface import Dependencies, Engine, File, Installed, Process, Tmpfs
from scanner.sandbox.local import LocalEngine
from scanner.stack.group import own_file
from tests.engine.test_stack import installed_or_skipped

NONCE = "0123456789abcdef"
PLACE = "/srv/shop"
ASK = """
import io, json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
def ask(path, method="GET", body=b"", **more):
    said = {}
    def start(status, headers, exc_info=None):
        said.update(status=status, headers=[list(pair) for pair in headers])
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "shop.example",
        "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "shop.example", "REMOTE_ADDR": "192.0.2.1",
        "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "https", "wsgi.errors": sys.stderr, "wsgi.version": (1, 0),
        "wsgi.multithread": False, "wsgi.multiprocess": True, "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)), **more}
    response = application(environ, start)
    said["body"] = b"".join(response).decode("latin-1")
    response.close()
    return said
mark = "/__seatrial_" + "0123456789abcdef"
from django.conf import settings
out = {
    "plain": [ask(path, **more) for path, more in (("/", {}), ("/none/", {}), ("/static/x.css", {}), ("/fail", {}),
        ("/", {"HTTP_HOST": "evil.test"}), ("/form", {"method": "POST"}), ("/__seatrial_ffffffffffffffff/echo", {}))],
    "probe": {name: ask("/en" + mark + "/" + name, HTTP_COOKIE="a=b", HTTP_X_A="1", HTTP_AUTHORIZATION="secret")
        for name in ("echo", "page", "cookies", "boom")},
    "post": ask(mark + "/post", method="POST", body=b"abc"),
    "evil": ask(mark + "/echo", HTTP_HOST="evil.test"),
    "middleware": [type(settings.MIDDLEWARE).__name__, list(settings.MIDDLEWARE)],
    "override": settings.LOGGING_CONFIG,
    "hidden": os.environ.get("HIDDEN"),
}
print(json.dumps(out))
"""
SETTINGS = """
import django
SECRET_KEY = "x" * 60
ALLOWED_HOSTS = ["shop.example"]
ROOT_URLCONF = "shop_urls"
DEBUG = False
INSTALLED_APPS = ["django.contrib.sessions", "django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *(["django.contrib.auth.middleware.LoginRequiredMiddleware"] if django.VERSION >= (5, 1) else []),
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
)
CSRF_USE_SESSIONS = True
SESSION_COOKIE_SECURE = True
SECURE_HSTS_SECONDS = 3600
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/none/db"}}
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
try:
    from django.contrib.auth.decorators import login_not_required
except ImportError:
    login_not_required = lambda view: view
def fail(request):
    raise ValueError("no")
home = login_not_required(lambda request: HttpResponse("home"))
urlpatterns = [path("", home), path("fail", login_not_required(fail)), path("form", home)]
"""
SUPPORTED = ("4.2", "5.2", "6.0")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = LocalEngine()
    yield made
    made.close()


@pytest.fixture(scope="module", params=SUPPORTED)
def installed(
    request: pytest.FixtureRequest, engine: Engine, ca_bundle: Path | None, index_url: str | None
) -> Installed:
    wanted = Dependencies("3.13", (f"django=={request.param}.*",), index_url=index_url, ca_bundle=ca_bundle)
    return installed_or_skipped(engine, wanted)


def ask(engine: Engine, installed: Installed, environment: Mapping[str, str]) -> dict[str, object]:
    files = {
        "ask.py": ASK.encode(),
        "shop_settings.py": SETTINGS.encode(),
        "shop_urls.py": URLS.encode(),
        "hidden/sitecustomize.py": b"import os\nos.environ['HIDDEN'] = 'ran'\n",
        "hook/sitecustomize.py": own_file("hook", "sitecustomize.py"),
        "hook/seatrial_probe.py": own_file("hook", "seatrial_probe.py"),
    }
    done = engine.run(
        Process(
            role="app",
            base=installed,
            argv=("python", f"{PLACE}/ask.py"),
            environment={"PYTHONDONTWRITEBYTECODE": "1", **environment},
            directory=PLACE,
            files=tuple(File(f"{PLACE}/{name}", content) for name, content in files.items()),
            tmpfs=(Tmpfs("/tmp"),),
        )
    )
    assert done.exit_code == 0, done.stderr.decode()[-2000:]
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.local
def test_the_hook(engine: Engine, installed: Installed) -> None:
    path = f"{PLACE}/hook:{PLACE}/hidden:{PLACE}"
    with_probe = ask(
        engine,
        installed,
        {"PYTHONPATH": path, "SEATRIAL_NONCE": NONCE, "SEATRIAL_OVERRIDES": '{"LOGGING_CONFIG": null}'},
    )
    without = ask(engine, installed, {"PYTHONPATH": f"{PLACE}/hidden:{PLACE}"})
    assert with_probe["plain"] == without["plain"], "nothing but the probe's own path is touched"
    assert with_probe["hidden"] == without["hidden"] == "ran", "the module that it hides runs all the same"
    assert with_probe["override"] is None
    assert without["override"] is not None
    _probe_answers(with_probe)


def _probe_answers(found: Mapping[str, object]) -> None:
    probe, post, evil = found["probe"], found["post"], found["evil"]
    assert isinstance(probe, dict)
    assert isinstance(post, dict)
    assert isinstance(evil, dict)
    echo = json.loads(probe["echo"]["body"])
    assert (echo["seatrial"], echo["secure"], echo["host"]) == (NONCE, True, "shop.example")
    assert echo["headers"] == {"HTTP_X_A": "1"}, "no cookie and no credentials"
    assert echo["remote_addr"] == "192.0.2.1"
    assert evil["status"].startswith("400"), "the project's own middleware asks for the host first"
    assert probe["page"]["status"].startswith("200")
    assert probe["boom"]["status"].startswith("500")
    cookies = [value for name, value in probe["cookies"]["headers"] if name == "Set-Cookie"]
    assert [value.strip().partition("=")[0] for value in cookies] == ["sessionid"], "the token lies in the session"
    assert all("Secure" in value for value in cookies)
    assert post["status"].startswith("403"), "the project's own protection decides"
    headers = dict(probe["page"]["headers"])
    assert headers["Strict-Transport-Security"] == "max-age=3600"
    assert headers["X-Frame-Options"] == "DENY"
    middleware = found["middleware"]
    assert isinstance(middleware, list)
    assert middleware[1][-1] == "seatrial_probe.Middleware"
