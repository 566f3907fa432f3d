"""What stands in the files that a server has without the project's doing: facts, as directive and values.

Debian's ``proxy_params`` and the parameter files of nginx's own distribution, ``mime.types``, and the TLS options that
certbot writes. A file of the same name in the repository goes before.
"""

import posixpath
from collections.abc import Mapping
from typing import Final

from scanner.nginx.tree import Directive

Table = tuple[tuple[str, ...], ...]

_COMMON_PARAMS: Final = (
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("REQUEST_URI", "$request_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"),
    ("HTTPS", "$https", "if_not_empty"),
    ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"),
    ("SERVER_PORT", "$server_port"),
    ("SERVER_NAME", "$server_name"),
)
_LENGTH: Final = ("CONTENT_LENGTH", "$content_length")
_UWSGI_PARAMS: Final = (*_COMMON_PARAMS, _LENGTH, ("PATH_INFO", "$document_uri"))
_SCGI_PARAMS: Final = (*_COMMON_PARAMS, ("DOCUMENT_URI", "$document_uri"), ("SCGI", "1"))
_FASTCGI_PARAMS: Final = (
    *_COMMON_PARAMS,
    _LENGTH,
    ("REMOTE_USER", "$remote_user"),
    ("SCRIPT_NAME", "$fastcgi_script_name"),
    ("DOCUMENT_URI", "$document_uri"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/$nginx_version"),
    ("SERVER_ADDR", "$server_addr"),
    ("REDIRECT_STATUS", "200"),
)


def _params(name: str, pairs: Table) -> Table:
    return tuple((name, *pair) for pair in pairs)


KNOWN_FILES: Final[Mapping[str, Table]] = {
    # Debian's own. It had $http_host until the security update 1.22.1-9+deb12u6 of 2026: no fault of the project.
    "proxy_params": (
        ("proxy_set_header", "Host", "$host"),
        ("proxy_set_header", "X-Real-IP", "$remote_addr"),
        ("proxy_set_header", "X-Forwarded-For", "$proxy_add_x_forwarded_for"),
        ("proxy_set_header", "X-Forwarded-Proto", "$scheme"),
    ),
    "uwsgi_params": _params("uwsgi_param", _UWSGI_PARAMS),
    "scgi_params": _params("scgi_param", _SCGI_PARAMS),
    "fastcgi_params": _params("fastcgi_param", _FASTCGI_PARAMS),
    "fastcgi.conf": _params(
        "fastcgi_param", (("SCRIPT_FILENAME", "$document_root$fastcgi_script_name"), *_FASTCGI_PARAMS)
    ),
    "fastcgi-php.conf": (
        ("fastcgi_split_path_info", r"^(.+?\.php)(/.*)$"),
        ("try_files", "$fastcgi_script_name", "=404"),
        ("set", "$path_info", "$fastcgi_path_info"),
        ("fastcgi_param", "PATH_INFO", "$path_info"),
        ("fastcgi_index", "index.php"),
        *_params("fastcgi_param", (("SCRIPT_FILENAME", "$document_root$fastcgi_script_name"), *_FASTCGI_PARAMS)),
    ),
    "snakeoil.conf": (
        ("ssl_certificate", "/etc/ssl/certs/ssl-cert-snakeoil.pem"),
        ("ssl_certificate_key", "/etc/ssl/private/ssl-cert-snakeoil.key"),
    ),
    "options-ssl-nginx.conf": (
        ("ssl_session_cache", "shared:le_nginx_SSL:10m"),
        ("ssl_session_timeout", "1440m"),
        ("ssl_session_tickets", "off"),
        ("ssl_protocols", "TLSv1.2", "TLSv1.3"),
        ("ssl_prefer_server_ciphers", "off"),
        (
            "ssl_ciphers",
            (
                "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
                "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
                "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384"
            ),
        ),
    ),
    "mime.types": (
        ("types",),
        ("text/html", "html", "htm", "shtml"),
        ("text/css", "css"),
        ("text/xml", "xml"),
        ("text/plain", "txt"),
        ("text/vnd.wap.wml", "wml"),
        ("image/gif", "gif"),
        ("image/jpeg", "jpeg", "jpg"),
        ("image/png", "png"),
        ("image/svg+xml", "svg", "svgz"),
        ("image/webp", "webp"),
        ("image/avif", "avif"),
        ("image/x-icon", "ico"),
        ("image/tiff", "tif", "tiff"),
        ("application/javascript", "js"),
        ("application/atom+xml", "atom"),
        ("application/rss+xml", "rss"),
        ("application/json", "json"),
        ("application/pdf", "pdf"),
        ("application/wasm", "wasm"),
        ("application/xhtml+xml", "xhtml"),
        ("application/xspf+xml", "xspf"),
        ("application/zip", "zip"),
        ("application/octet-stream", "bin", "exe", "dll", "deb", "dmg", "iso", "img", "msi", "msp", "msm"),
        ("font/woff", "woff"),
        ("font/woff2", "woff2"),
        ("audio/mpeg", "mp3"),
        ("audio/ogg", "ogg"),
        ("video/mp4", "mp4"),
        ("video/mpeg", "mpeg", "mpg"),
        ("video/webm", "webm"),
    ),
}
"""File name to its directives. ``mime.types`` opens with the block that holds the others."""


def known_directives(path: str, include: Directive) -> tuple[Directive, ...] | None:
    """The directives that every server has in the file ``path``, or None when nobody can know that file.

    Each has the place of the ``include`` directive, the one that a person can edit, and says in ``known`` whose it is.
    """
    name = posixpath.basename(path)
    table = KNOWN_FILES.get(name)
    if table is None:
        return None
    made = tuple(include.stand_in(row[0], row[1:], name) for row in table)
    if name == "mime.types":
        return (made[0].with_block(made[1:]),)
    return made
