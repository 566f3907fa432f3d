"""Any configuration, however senseless, gets an answer to every question."""

from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.nginx.effective import Configuration, LocationBlock, RequestShape, Server, forwarded_header
from scanner.nginx.includes import load
from scanner.nginx.tree import parse

MAIN = "/etc/nginx/nginx.conf"
NAMES = st.sampled_from(
    [
        "listen",
        "server_name",
        "location",
        "if",
        "set",
        "map",
        "upstream",
        "server",
        "return",
        "rewrite",
        "proxy_pass",
        "uwsgi_pass",
        "grpc_pass",
        "proxy_set_header",
        "add_header",
        "add_header_inherit",
        "root",
        "alias",
        "try_files",
        "error_page",
        "allow",
        "deny",
        "internal",
        "include",
        "break",
        "geo",
        "types",
        "ssl",
        "autoindex",
        "satisfy",
        "more_set_input_headers",
        "limit_except",
        "content_by_lua_block",
        "x",
    ]
)
ARGUMENTS = st.sampled_from(
    [
        "80",
        "443",
        "ssl",
        "default_server",
        "[::]:80",
        "[",
        "[::",
        "unix:/x",
        "unix:",
        "*:99999",
        "a:b:c",
        "localhost:1",
        "~^(?<a>.*)$",
        "'~('",
        "~*",
        "~",
        "=",
        "^~",
        "@",
        "@a",
        "/",
        "/a/",
        "''",
        "$a",
        "$b",
        "$",
        "${",
        "${a}",
        "$1",
        "off",
        "on",
        "http://$a",
        "http://",
        "http://app",
        "http://unix:/a:/b",
        "https://a.b",
        "uwsgi://",
        "301",
        "444",
        "2000",
        "=404",
        "($a",
        "=",
        "b)",
        "($a)",
        "(",
        ")",
        "-f",
        "!~",
        "permanent",
        "last",
        "all",
        "10.0.0.0/8",
        "*.conf",
        "mime.types",
        "merge",
        "{{ x }}",
        "{{ x }}:80",
        "a.b",
        "*.b",
        ".b",
        "b.*",
        "_",
        "X-Forwarded-Proto",
        "Host",
        "(((((a+)+)+)+)+)$",
        "'~^(a|a)*$'",
        "any",
        "default",
        "é",
        "\\\\",
    ]
)
SIMPLE = st.tuples(NAMES, st.lists(ARGUMENTS, max_size=4)).map(lambda parts: f"{' '.join((parts[0], *parts[1]))};\n")
TREES = st.recursive(
    st.lists(SIMPLE, max_size=5).map("".join),
    lambda inner: st.lists(
        st.tuples(NAMES, st.lists(ARGUMENTS, max_size=3), inner).map(
            lambda parts: f"{' '.join((parts[0], *parts[1]))} {{\n{parts[2]}}}\n"
        )
        | SIMPLE,
        max_size=5,
    ).map("".join),
    max_leaves=12,
)


@given(TREES, TREES)
@settings(max_examples=300, deadline=None)
def test_every_question_has_an_answer(http: str, server: str) -> None:
    text = f"events {{}}\nhttp {{\n{http}\nserver {{\nlisten 80;\n{server}\n}}\nserver {{ {server} }}\n}}"
    config = Configuration(load(MAIN, {MAIN: parse(text, "nginx.conf"), "/etc/nginx/a.conf": parse(server, "a.conf")}))
    config.served_directories()
    config.django_locations(["unix:/x", "a:1", "b"], ["/a/", "/"])
    for socket in config.sockets():
        assert socket.default_server in socket.servers
        assert config.server_for(socket.address, socket.port, "a.b") in socket.servers
    for one in config.servers:
        config.redirects_everything_to_https(one, exempt=["/a/b"])
        config.location_for(one, "/a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")
        assert one.symbol.startswith("server ")
        places: list[Server | LocationBlock] = [one, *one.locations]
        for place in places:
            for shape in (RequestShape(tls=True), RequestShape(tls=False, host="a.b", port=80, path="/a/b")):
                config.replies(place, shape)
            for level in place.levels if isinstance(place, LocationBlock) else (one, *one.ifs):
                config.handler(level)
                forwarded_header(level, "X-Forwarded-Proto")
                config.possible_values("$a$b", level)
                for name in ("add_header", "allow", "root", "proxy_pass", "more_set_headers"):
                    effective = level.effective(name)
                    assert set(effective.values).isdisjoint(effective.dropped)
