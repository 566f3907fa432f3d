"""The effective configuration: inheritance, choice, handlers and headers, against a running nginx where it can tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scanner.model import UnknownValue
from scanner.nginx.effective import (
    Blanked,
    Configuration,
    Denied,
    Fixed,
    LocationBlock,
    NginxDefault,
    Overwritten,
    PassedOn,
    Proxied,
    Redirect,
    RequestShape,
    Served,
    Server,
    UndecidedHeader,
    forwarded_header,
)
from scanner.nginx.includes import load
from scanner.nginx.tree import parse

MAIN = "/etc/nginx/nginx.conf"


def configuration(http: str, **files: str) -> Configuration:
    """A configuration with this ``http`` block; ``files`` are put into /etc/nginx."""
    texts = {MAIN: f"http {{\n{http}\n}}", **{f"/etc/nginx/{name}": text for name, text in files.items()}}
    return Configuration(load(MAIN, {path: parse(text, path.rpartition("/")[2]) for path, text in texts.items()}))


def at(config: Configuration, pattern: str) -> LocationBlock:
    return next(place for server in config.servers for place in server.locations if place.pattern == pattern)


LOCATIONS = """
    location = /exact { return 200 "= /exact"; }
    location /exact { return 200 "/exact"; }
    location / { return 200 "/"; }
    location ^~ /static/ { return 200 "^~ /static/"; }
    location ~ \\.php$ { return 200 "php"; }
    location ~* \\.JPG$ { return 200 "jpg"; }
    location ~ ^/a { return 200 "~ ^/a"; location ~ ^/ab { return 200 "~ ^/ab"; } }
    location /outer/ {
        return 200 "/outer/";
        location /outer/inner/ {
            return 200 "/outer/inner/";
            location = /outer/inner/x { return 200 "= /outer/inner/x"; }
        }
        location ~ \\.txt$ { return 200 "txt"; }
        location ^~ /outer/first/ { return 200 "^~ /outer/first/"; }
    }
    location ^~ /quiet/ { return 200 "^~ /quiet/"; location ~ \\.php$ { return 200 "quiet php"; } }
    location /media { return 200 "/media"; }
    location /media/x/ { return 200 "/media/x/"; }
    location ~ ^/(?<user>u[0-9]+)/ { return 200 "~ ^/(?<user>u[0-9]+)/"; }
    location =/glued { return 200 "= /glued"; }
    location ^~/tight { return 200 "^~ /tight"; }
    location ~*\\.gif$ { return 200 "gif"; }
"""
PATHS = [
    "/", "/exact", "/exact/", "/exactly", "/static/a.php", "/static/", "/static", "/x.php", "/x.jpg", "/a", "/ab",
    "/abc", "/abcd.php", "/outer/", "/outer/a.txt", "/outer/a.php", "/outer/inner/", "/outer/inner/x",
    "/outer/inner/x.txt", "/outer/inner/y.php", "/outer/first/a.txt", "/outer/first/a.php",
    "/quiet/a.php", "/quiet/a.jpg", "/media", "/media/x/",
    "/mediax", "/media/x/1.JPG", "/u12/", "/ux/", "/glued", "/glued/", "/tightly", "/tight.php", "/b.gif", "/b.GIF",
    "/none",
]  # fmt: skip


def test_locations_are_chosen_as_nginx_chooses_them(run_nginx: Callable[[str], Any]) -> None:
    http = f"server {{ listen SOCKET; {LOCATIONS} }}"
    running = run_nginx(http)
    config = configuration(http)
    for path in PATHS:
        _, _, said = running.get(path)
        place = config.location_for(config.servers[0], path)
        ours = "none" if place is None else place.own("return")[0].args[1]
        assert ours == said, path


SERVERS = """
server { listen SOCKET; server_name a.test; return 200 a; }
server { listen SOCKET default_server; server_name _; return 200 default; }
server { listen SOCKET; server_name *.wild.test .dot.test; return 200 wild; }
server { listen SOCKET; server_name *.deep.wild.test; return 200 deep; }
server { listen SOCKET; server_name tail.*; return 200 tail; }
server { listen SOCKET; server_name ~^r\\d+\\.test$; return 200 regex; }
server { listen SOCKET; server_name ~^r; return 200 second; }
server { listen SOCKET; server_name a.test b.test; return 200 b; }
server { listen SOCKET; server_name a.test; return 200 never; }
"""


def test_servers_are_chosen_as_nginx_chooses_them(run_nginx: Callable[[str], Any]) -> None:
    running = run_nginx(SERVERS)
    config = configuration(SERVERS.replace("SOCKET", "80"))
    hosts = ["a.test", "A.TEST", "b.test", "c.test", "x.wild.test", "wild.test", "x.deep.wild.test", "dot.test",
             "x.dot.test", "tail.test", "tail.x.test", "r1.test", "rx.test", "r1.testx", "_", "a.test."]  # fmt: skip
    for host in hosts:
        server = config.server_for("*", 80, host)
        assert server is not None
        assert server.own("return")[0].args[1] == running.get("/", host)[2], host
    assert [config.is_choosable(server) for server in config.servers] == [True] * 8 + [False]


HEADERS = """
add_header X-Http http;
server {
    listen SOCKET;
    add_header X-Server server;
    location /inherits { return 200 x; }
    location /own { add_header X-Own own; return 200 x; location /own/nested { return 200 x; } }
    location /if { if ($arg_a) { add_header X-If if; return 200 x; } return 200 x; }
}
"""
SWITCH = """
    location /merge {
        add_header_inherit merge;
        add_header X-Merge merge;
        return 200 x;
        location /merge/inner { add_header X-Inner inner; return 200 x; }
    }
    location /off { add_header_inherit off; return 200 x; }
"""


def test_headers_are_inherited_as_nginx_inherits_them(run_nginx: Callable[[str], Any]) -> None:
    running = run_nginx(HEADERS)
    config = configuration(HEADERS)
    paths = ["/inherits", "/own", "/own/nested", "/if"]
    for path in paths:
        ours = {item.args[0].lower() for item in at(config, path).effective("add_header").values}
        assert ours == {name for name in running.get(path)[1] if name.startswith("x-")}, path
    block = at(config, "/if").ifs[0]
    assert block.condition == ("$arg_a",)
    assert {item.args[0].lower() for item in block.effective("add_header").values} == {
        name for name in running.get("/if?a=1")[1] if name.startswith("x-")
    }
    dropped = at(config, "/own").effective("add_header").dropped
    assert [item.args for item in dropped] == [("X-Server", "server")]


def test_add_header_inherit(run_nginx: Callable[[str], Any], nginx_says: Callable[[str], Any]) -> None:
    http = HEADERS.replace("    location /if", SWITCH + "    location /if")
    config = configuration(http)
    expected = {"/merge": {"x-server", "x-merge"}, "/merge/inner": {"x-server", "x-merge", "x-inner"}, "/off": set()}
    for path, names in expected.items():
        assert {item.args[0].lower() for item in at(config, path).effective("add_header").values} == names, path
    if "unknown directive" in nginx_says("events {} http { add_header_inherit on; }").text:
        pytest.skip("this nginx is older than add_header_inherit (1.29.3)")
    running = run_nginx(http)
    for path, names in expected.items():
        assert {name for name in running.get(path)[1] if name.startswith("x-")} == names, path


FILES = """
server {
    listen SOCKET;
    root HOME/root;
    location /a/ { }
    location /alias/ { alias HOME/other/; location ~ \\.txt$ { } location /alias/in { } }
    location /alias { alias HOME/other/; }
    location ~ ^/re/(.*)$ { alias HOME/other/$1; }
    location /own/ { root HOME/third; }
}
"""


def test_directories_are_those_that_nginx_reads(run_nginx: Callable[[str], Any]) -> None:
    running = run_nginx(FILES)
    home = running.socket_path.parent
    files = {
        "root/a/f": "1",
        "other/f": "2",
        "other/f.txt": "3",
        "other/inside": "7",
        "third/own/f": "4",
        "secret": "5",
        "root/g": "6",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    config = configuration(FILES.replace("HOME", str(home)))
    served = {item.url: item for item in config.served_directories()}
    assert {url: item.directory.removeprefix(f"{home}/") for url, item in served.items()} == {
        "/a/": "root/a/",
        "/alias/": "other/",
        "\\.txt$": "other/",
        "/alias/in": "other/in",
        "/alias": "other/",
        "^/re/(.*)$": "other/",
        "/own/": "third/own/",
        "/": "root/",
    }
    for url, path in [
        ("/a/", "/a/f"),
        ("/alias/", "/alias/f"),
        ("/own/", "/own/f"),
        ("/", "/g"),
        ("/alias", "/alias../secret"),
    ]:
        mapped = served[url].path_of(path)
        assert mapped is not None
        assert running.get(path)[2] == Path(mapped).read_text(), path
    assert running.get("/alias/f.txt")[2] == "3"
    assert running.get("/re/f")[2] == "2"


PROXY = """
upstream app { server unix:/run/app.sock; server 10.0.0.5:8001 backup; }
map $http_upgrade $upgrade { default upgrade; "" close; }
map $http_x_forwarded_proto $proto { default $http_x_forwarded_proto; "" $scheme; }
proxy_set_header X-Outer outer;
server {
    listen 80;
    server_name shop.example;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-Proto $scheme;
    set $backend http://web:8000;
    location / { proxy_pass http://app; }
    location /lost/ { proxy_set_header X-Other 1; proxy_pass http://127.0.0.1:8000/; }
    location /blank/ { proxy_set_header x-forwarded-proto ""; proxy_pass http://app; }
    location /map/ { proxy_set_header X-Forwarded-Proto $proto; proxy_pass $backend; }
    location /if/ { if ($arg_x) { proxy_pass http://app; } }
    location /uwsgi/ { include uwsgi_params; uwsgi_pass unix:///run/u.sock; }
    location /param/ { uwsgi_param HTTP_X_FORWARDED_PROTO $scheme; uwsgi_pass uwsgi://u:3031; }
    location /grpc/ { grpc_set_header X-Forwarded-Proto $scheme; grpc_pass grpcs://g:50051; }
    location /debian/ { proxy_set_header X-A b; include proxy_params; proxy_pass http://app; }
    location /hidden/ { proxy_set_header X-A b; include /etc/hidden.conf; proxy_pass http://app; }
    location /any/ { proxy_pass http://$http_host; }
    location /static/ { alias /srv/static/; }
    location /secret/ { internal; proxy_pass http://app; }
    location @named { proxy_pass http://app; }
    location @unused { proxy_pass http://app; }
    location /try/ { try_files $uri @named; }
}
"""


def test_a_header_on_its_way_to_the_application() -> None:
    config = configuration(PROXY)
    seen = {pattern: forwarded_header(at(config, pattern), "X-Forwarded-Proto") for pattern in
            ("/", "/lost/", "/blank/", "/map/", "/uwsgi/", "/param/", "/grpc/", "/debian/", "/hidden/")}  # fmt: skip
    assert isinstance(seen["/"], Overwritten)
    assert [value for value, _ in seen["/"].values] == ["$scheme"]
    assert isinstance(seen["/lost/"], PassedOn)
    assert [item.location.line for item in seen["/lost/"].dropped] == [11]
    assert isinstance(seen["/blank/"], Blanked)
    assert isinstance(seen["/map/"], Overwritten)
    assert isinstance(seen["/uwsgi/"], PassedOn)
    assert isinstance(seen["/param/"], Overwritten)
    assert isinstance(seen["/grpc/"], Overwritten)
    assert isinstance(seen["/debian/"], Overwritten)
    assert seen["/debian/"].values[0][1].known == "proxy_params"
    assert isinstance(seen["/hidden/"], UndecidedHeader)
    assert seen["/hidden/"].unknown.pattern == "/etc/hidden.conf"
    host = forwarded_header(at(config, "/lost/"), "Host")
    assert isinstance(host, NginxDefault)
    assert (host.text, len(host.dropped)) == ("$proxy_host", 1)


def test_where_requests_go() -> None:
    config = configuration(PROXY)
    reached = {place.pattern: config.proxy(place) for place in config.servers[0].locations}
    addresses = {
        pattern: [str(item) for item in proxy.destination.endpoints]
        for pattern, proxy in reached.items()
        if proxy is not None
    }
    assert addresses["/"] == ["unix:/run/app.sock", "10.0.0.5:8001"]
    assert addresses["/lost/"] == ["127.0.0.1:8000"]
    assert addresses["/map/"] == ["web:8000"]
    assert addresses["/uwsgi/"] == ["unix:/run/u.sock"]
    assert addresses["/param/"] == ["u:3031"]
    assert addresses["/grpc/"] == ["g:50051"]
    assert addresses["/any/"] == []
    anything = reached["/any/"]
    assert anything is not None
    assert anything.destination.variables == ("http_host",)
    lost = reached["/lost/"]
    assert lost is not None
    assert (lost.destination.scheme, lost.destination.uri) == ("http", "/")


def test_django_locations_are_those_that_lead_to_the_application() -> None:
    config = configuration(PROXY)
    all_that_pass = [place.pattern for place in config.django_locations()]
    assert all_that_pass == ["/", "/lost/", "/blank/", "/map/", "/if/", "/uwsgi/", "/param/", "/grpc/", "/debian/",
                             "/hidden/", "/any/", "@named"]  # fmt: skip
    assert [place.pattern for place in config.django_locations(["unix:/run/u.sock"])] == ["/uwsgi/", "/any/"]
    assert [place.pattern for place in config.django_locations(["0.0.0.0:8000"])] == ["/lost/", "/map/", "/any/"]
    assert [place.pattern for place in config.django_locations(["localhost:8000"])] == ["/lost/", "/any/"]
    assert [place.pattern for place in config.django_locations(["u"])] == ["/param/", "/any/"]
    assert "/map/" not in [place.pattern for place in config.django_locations([], ["/map/"])]


def test_variables_are_followed_to_nginxs_own() -> None:
    config = configuration(PROXY)
    place = at(config, "/map/")
    assert config.possible_values("$proto", place) == ("$scheme", "$http_x_forwarded_proto")
    assert config.variables_in("x-${upgrade}-$backend", place) == frozenset()
    assert config.variables_in("$proto,$remote_addr", place) == {"scheme", "http_x_forwarded_proto", "remote_addr"}


def test_a_variable_that_is_made_of_itself_ends() -> None:
    config = configuration("map $a $b { default $c; } map $b $c { default $b; } server { set $x $x$x; set $y $c; }")
    assert config.possible_values("$x", config.servers[0]) == ("$x",)
    assert len(config.possible_values("$y$y$y$b$c", config.servers[0])) <= 64


REPLIES = """
server { listen 80 default_server; server_name _; return 444; }
server {
    listen 80;
    server_name a.example;
    if ($host = a.example) { return 301 https://$host$request_uri; }
    return 404;
}
server {
    listen 80;
    listen 443 ssl;
    server_name b.example;
    set $https_only 0;
    if ($scheme = http) { set $https_only 1; }
    if ($request_uri ~ ^/health) { set $https_only 0; }
    location / { if ($https_only) { return 301 https://$host$request_uri; } proxy_pass http://app:8000; }
    location /.well-known/acme-challenge/ { root /var/www; }
    location /scheme {
        if ($scheme != "https") { rewrite ^ https://$host$request_uri? permanent; }
        proxy_pass http://app:8000;
    }
    location /elb {
        if ($http_x_forwarded_proto = "http") { return 302 https://$host$request_uri; }
        proxy_pass http://app:8000;
    }
    location /denied { deny all; proxy_pass http://app:8000; }
    location /office { allow 10.0.0.0/8; deny all; proxy_pass http://app:8000; }
    location /text { return 200 hello; }
    location /bare { return https://other.example; }
    location /try { root /srv; try_files $uri =404; }
    location /relative { return 302 /login; }
}
server { listen 80; server_name c.example; rewrite ^(.*)$ https://c.example$1 permanent; }
server { listen 80; server_name d.example; location / { rewrite ^/old$ /new last; return 307 https://d.example/; } }
server { listen 80; server_name e.example; if ($uri ~ ^/acme) { break; } return 301 https://e.example/; }
"""


def test_what_a_place_answers() -> None:
    config = configuration(REPLIES)

    def answers(pattern: str, *, tls: bool = False, path: str | None = None) -> list[Any]:
        return list(config.replies(at(config, pattern), RequestShape(tls=tls, host="b.example", path=path)))

    root = answers("/", path="/x")
    assert [type(item) for item in root] == [Redirect]
    assert (root[0].https, root[0].host, root[0].status) == (True, "$host", 301)
    assert [type(item) for item in answers("/", tls=True, path="/x")] == [Proxied]
    assert [type(item) for item in answers("/", path="/health")] == [Proxied]
    assert [type(item) for item in answers("/")] == [Redirect, Proxied]
    assert [type(item) for item in answers("/scheme")] == [Redirect]
    assert [type(item) for item in answers("/scheme", tls=True)] == [Proxied]
    assert [type(item) for item in answers("/elb")] == [Redirect, Proxied]
    denied = answers("/denied")
    assert [type(item) for item in denied] == [Denied]
    assert denied[0].everybody
    assert [type(item) for item in answers("/office")] == [Denied, Proxied]
    assert [(type(item), item.status, item.text) for item in answers("/text")] == [(Fixed, 200, "hello")]
    assert [(item.status, item.https) for item in answers("/bare")] == [(302, True)]
    assert [type(item) for item in answers("/try")] == [Served, Fixed]
    assert [(item.https, item.host) for item in answers("/relative")] == [(False, "")]
    assert [item.https for item in answers("/relative", tls=True)] == [True]


def test_servers_that_only_lead_to_https() -> None:
    config = configuration(REPLIES)
    sure = {server.name: config.redirects_everything_to_https(server) for server in config.servers}
    assert sure == {
        "_": True,
        "a.example": True,
        "b.example": False,
        "c.example": True,
        "d.example": True,
        "e.example": False,
    }
    assert [server.name for server in config.servers if server.returns_at_once] == ["_", "a.example", "c.example"]


def test_sockets() -> None:
    config = configuration(
        "server { listen 80; listen [::]:80; server_name a; }"
        "server { listen 0.0.0.0:80; listen 443 ssl default_server proxy_protocol; server_name b; }"
        "server { listen 443; server_name c; listen unix:/run/n.sock; listen 127.0.0.1:8080; listen localhost:81; }"
        "server { ssl on; } server { listen 443 quic reuseport; }"
    )
    found = [
        (item.text, item.tls, item.proxy_protocol, item.default_server.index, item.explicit_default)
        for item in config.sockets()
    ]
    assert found == [
        ("*:80", True, False, 0, False),  # the old `ssl on;` of the fourth server speaks for the socket
        ("[::]:80", False, False, 0, False),
        ("*:443", True, True, 1, True),
        ("unix:/run/n.sock", False, False, 2, False),
        ("127.0.0.1:8080", False, False, 2, False),
        ("localhost:81", False, False, 2, False),
    ]
    assert [socket.is_loopback for socket in config.sockets()] == [False, False, False, True, True, True]
    assert config.server_for("127.0.0.1", 8080, "x") is config.servers[2]
    assert config.server_for("127.0.0.1", 80, "b") is config.servers[1]
    assert config.server_for("::1", 80, "a") is config.servers[0]
    assert config.server_for("127.0.0.1", 9999, "b") is None


def test_scalars_come_one_by_one_and_arrays_as_a_whole() -> None:
    config = configuration(
        "server_tokens off; error_page 500 /500.html; client_max_body_size 1m; allow 10.0.0.1; deny all;"
        "server { error_page 404 /404.html; client_max_body_size 8m;"
        " location /x { allow 10.0.0.2; root /r; location /x/y {} }"
        " location /z { alias /zz/; location /z/a { } } }"
    )
    place, nested = at(config, "/x"), at(config, "/x/y")
    assert place.effective("server_tokens").text == "off"
    assert place.effective("client_max_body_size").text == "8m"
    assert [item.args for item in place.effective("error_page").values] == [("404", "/404.html")]
    assert [item.text for item in place.effective("deny").values] == ["allow 10.0.0.2"]
    assert [item.text for item in place.effective("deny").dropped] == ["allow 10.0.0.1", "deny all"]
    assert nested.effective("root").text == "/r"
    assert at(config, "/z/a").effective("root").text == "/zz/"
    assert not nested.effective("try_files")
    assert nested.effective("client_max_body_size").level is config.servers[0]


def test_an_unreadable_include_leaves_things_open() -> None:
    config = configuration(
        "include /etc/other.conf; server_tokens off; server { location / { add_header X y; } location /a {} }"
    )
    assert [item.pattern for item in config.unknown_includes] == ["/etc/other.conf"]
    assert at(config, "/").effective("add_header").unknown == ()
    open_question = at(config, "/a").effective("add_header")
    assert not open_question
    with pytest.raises(UnknownValue, match=r"include /etc/other\.conf may set add_header"):
        open_question.require()
    assert at(config, "/a").effective("server_tokens").require().text == "off"


@pytest.mark.parametrize(
    ("files", "problem", "servers"),
    [
        ({"a.conf": "include a.conf; server {}"}, '"a.conf" includes itself: not followed', 1),
        (
            {"a.conf": "include b.conf;", "b.conf": "include a.conf; server {}"},
            '"a.conf" includes itself: not followed',
            1,
        ),
        ({"a.conf": "server {} include b.conf d;"}, 'invalid number of arguments in "include" directive', 1),
    ],
)
def test_includes_that_nginx_would_not_follow(files: dict[str, str], problem: str, servers: int) -> None:
    config = configuration("include a.conf;", **files)
    assert problem in [item.message for item in config.tree.problems]
    assert len(config.servers) == servers


def test_a_pattern_takes_files_in_order_and_no_hidden_ones() -> None:
    files = {"conf.d/b.conf": "server { server_name b; }", "conf.d/a.conf": "server { server_name a; }",
             "conf.d/.hidden.conf": "server { server_name h; }",
             "conf.d/x/c.conf": "server { server_name c; }"}  # fmt: skip
    config = configuration("include conf.d/*.conf; include sites-enabled/*;", **files)
    assert [server.name for server in config.servers] == ["a", "b"]
    assert [item.args for item in config.tree.empty_globs] == [("sites-enabled/*",)]
    assert not config.unknown_includes


def test_files_that_include_each_other_a_hundredfold_are_cut_off() -> None:
    files = {f"{index}.conf": f"include {index + 1}.conf;" * 100 for index in range(8)}
    config = configuration("include 0.conf;", **files, **{"8.conf": "server_tokens off;"})
    assert any(problem.message.startswith("more than") for problem in config.tree.problems)


def test_an_expression_that_may_take_ages_is_not_tried() -> None:
    config = configuration(
        'server { location ~ "^/(a+)+$" { return 200; } location ~ "(x|x)*y" {} location ~ "a(" {} }'
    )
    for place in config.servers[0].locations:
        assert place.matches("/" + "a" * 40 + "!") is None
    assert config.location_for(config.servers[0], "/" + "a" * 40 + "!") is None


def test_names_and_symbols() -> None:
    config = configuration(
        "server { listen 8443 ssl; server_name _ *.x.example shop.example;"
        " location ^~ /a/ { location ~* b {} } location @c {} }"
        "server { listen unix:/run/n.sock; server_name {{ domain }}; }"
    )
    first: Server = config.servers[0]
    assert (first.symbol, first.concrete_names) == ("server shop.example:8443", ("shop.example",))
    assert [place.symbol for place in first.locations] == [
        "server shop.example:8443 location ^~ /a/",
        "server shop.example:8443 location ~* b",
        "server shop.example:8443 location @c",
    ]
    assert config.servers[1].symbol == "server {{ domain }} unix:/run/n.sock"
    assert config.servers[1].is_template


def test_the_sockets_of_an_unreadable_include_are_not_guessed() -> None:
    server = configuration("server { include /tmp/listen.conf; }").servers[0]
    assert [item.is_template for item in server.listens] == [True]


def test_what_a_template_makes_is_not_guessed() -> None:
    config = configuration(
        "upstream app { server {{ host }}:{{ port }}; server 127.0.0.1:{{ port }}; }"
        "server { listen 80; } server { listen {{ a }}; location ~ ^/{{ b }}/ { proxy_pass http://app; } }"
        "server { listen {{ c }} ssl; }"
    )
    place = config.servers[1].locations[0]
    assert place.matches("/x/") is None
    assert [config.is_choosable(server) for server in config.servers] == [True, True, True]
    assert [(listen.port, listen.is_template) for server in config.servers for listen in server.listens] == [
        (80, False),
        (80, True),
        (443, True),
    ]
    proxy = config.proxy(place)
    assert proxy is not None
    assert [(item.host, item.port, item.is_template) for item in proxy.destination.endpoints] == [
        ("{{ host }}", None, True),
        ("127.0.0.1", None, True),
    ]
    assert config.django_locations(["web:8000"]) == (place,)
