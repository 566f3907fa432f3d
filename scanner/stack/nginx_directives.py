"""Which module brings a directive, and since which nginx: data for "not checked", from the modules' documentation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Version = tuple[int, ...]


@dataclass(frozen=True)
class Module:
    """A module that an nginx may lack."""

    name: str
    marker: str
    """What ``nginx -V`` contains where it is built in."""
    directives: frozenset[str]
    prefixes: tuple[str, ...] = ()
    """Directives that begin so are its, too."""

    def has(self, directive: str) -> bool:
        """Whether this directive is one of its."""
        return directive in self.directives or directive.startswith(self.prefixes or ("\0",))


def _module(name: str, marker: str, directives: str, *prefixes: str) -> Module:
    return Module(name, marker, frozenset(directives.split()), prefixes)


MODULES: Final = (
    _module("ngx_http_gzip_static_module", "http_gzip_static_module", "gzip_static"),
    _module("ngx_http_gunzip_module", "http_gunzip_module", "gunzip gunzip_buffers"),
    _module("ngx_http_sub_module", "http_sub_module", "", "sub_filter"),
    _module("ngx_http_stub_status_module", "http_stub_status_module", "stub_status"),
    _module("ngx_http_addition_module", "http_addition_module", "add_before_body add_after_body addition_types"),
    _module("ngx_http_slice_module", "http_slice_module", "slice"),
    _module("ngx_http_dav_module", "http_dav_module", "create_full_put_path min_delete_depth", "dav_"),
    _module("ngx_http_flv_module", "http_flv_module", "flv"),
    _module("ngx_http_mp4_module", "http_mp4_module", "", "mp4"),
    _module("ngx_http_random_index_module", "http_random_index_module", "random_index"),
    _module("ngx_http_realip_module", "http_realip_module", "set_real_ip_from real_ip_header real_ip_recursive"),
    _module("ngx_http_auth_request_module", "http_auth_request_module", "auth_request auth_request_set"),
    _module("ngx_http_secure_link_module", "http_secure_link_module", "", "secure_link"),
    _module("ngx_http_v2_module", "http_v2_module", "http2", "http2_"),
    _module("ngx_http_v3_module", "http_v3_module", "http3 quic_retry quic_gso quic_host_key", "http3_", "quic_"),
    _module("ngx_http_geoip_module", "with-http_geoip_module ", "geoip_country geoip_city geoip_org", "geoip_proxy"),
    _module("ngx_http_geoip2_module", "geoip2", "geoip2 geoip2_proxy geoip2_proxy_recursive"),
    _module("ngx_http_image_filter_module", "with-http_image_filter_module ", "", "image_filter"),
    _module("ngx_http_xslt_module", "with-http_xslt_module ", "xml_entities", "xslt_"),
    _module("ngx_http_perl_module", "with-http_perl_module ", "perl perl_modules perl_require perl_set"),
    _module("ngx_brotli", "brotli", "", "brotli"),
    _module("ngx_zstd", "zstd", "", "zstd"),
    _module("headers-more", "headers-more", "", "more_set_", "more_clear_"),
    _module("set-misc", "set-misc", "set_if_empty set_unescape_uri", "set_md5", "set_sha1", "set_random"),
    _module("echo", "echo-nginx", "echo", "echo_"),
    _module("njs", "njs", "", "js_"),
    _module("ngx_http_lua_module", "lua-nginx", "", "lua_", "content_by_lua", "access_by_lua", "rewrite_by_lua",
            "set_by_lua", "header_filter_by_lua", "body_filter_by_lua", "log_by_lua", "init_by_lua",
            "init_worker_by_lua", "ssl_certificate_by_lua", "balancer_by_lua"),
    _module("ModSecurity", "modsecurity", "", "modsecurity"),
    _module("naxsi", "naxsi", "SecRulesEnabled SecRulesDisabled LearningMode CheckRule MainRule BasicRule DeniedUrl"),
    _module("cache_purge", "cache_purge", "proxy_cache_purge fastcgi_cache_purge uwsgi_cache_purge"),
    _module("ngx_pagespeed", "pagespeed", "pagespeed", "pagespeed"),
    _module("upload", "upload", "", "upload_"),
    _module("upload-progress", "uploadprogress", "", "upload_progress", "track_uploads", "report_uploads"),
    _module("rtmp", "rtmp", "rtmp rtmp_stat rtmp_control rtmp_stat_stylesheet"),
    _module("fancyindex", "fancyindex", "", "fancyindex"),
    _module("vts", "vhost_traffic", "", "vhost_traffic_status"),
    _module("opentelemetry", "otel", "otel_exporter otel_trace otel_service_name", "otel_", "opentelemetry"),
    _module("opentracing", "opentracing", "", "opentracing"),
    _module("passenger", "passenger", "", "passenger_"),
    _module("ngx_stream", "with-stream ", "stream"),
    _module("ngx_mail", "with-mail ", "mail"),
    _module("NGINX Plus", "nginx-plus", "status_zone health_check sticky zone_sync api keyval keyval_zone match "
            "state ntlm queue session_log session_log_zone auth_jwt auth_jwt_key_file", "auth_jwt"),
    _module("jwt", "auth-jwt", "", "auth_jwt"),
    _module("Tengine", "tengine", "check check_status check_http_send check_http_expect_alive concat", "concat_"),
)  # fmt: skip
SINCE: Final[Mapping[str, Version]] = {
    "ssl_reject_handshake": (1, 19, 4),
    "proxy_cookie_flags": (1, 19, 3),
    "ssl_conf_command": (1, 19, 4),
    "proxy_ssl_conf_command": (1, 19, 4),
    "keepalive_time": (1, 19, 10),
    "keepalive_disable": (1, 1, 0),
    "ssl_alpn": (1, 21, 4),
    "js_import": (1, 13, 0),
    "http2": (1, 25, 1),
    "http3": (1, 25, 0),
    "keepalive_min_timeout": (1, 27, 4),
    "ssl_certificate_cache": (1, 27, 4),
    "proxy_pass_trailers": (1, 27, 2),
    "ssl_object_cache_inheritable": (1, 27, 4),
    "proxy_limit_rate": (1, 7, 7),
    "ssl_early_data": (1, 15, 3),
    "add_header_inherit": (1, 29, 3),
    "add_trailer_inherit": (1, 29, 3),
    "add_trailer": (1, 13, 2),
    "early_hints": (1, 29, 0),
    "ssl_key_log": (1, 27, 2),
    "ssl_certificate_compression": (1, 29, 1),
    "ssl_ech_file": (1, 29, 4),
    "auth_delay": (1, 17, 10),
    "limit_conn_dry_run": (1, 17, 6),
    "limit_req_dry_run": (1, 17, 1),
    "grpc_pass": (1, 13, 10),
    "mirror": (1, 13, 4),
    "proxy_allow_upstream": (1, 29, 3),
    "max_headers": (1, 29, 4),
}
"""Directives of nginx itself that are younger than 1.0, as far as configurations use them."""


@dataclass(frozen=True)
class NginxBuild:
    """The nginx at hand, as ``nginx -V`` describes it."""

    version: str
    arguments: str

    @property
    def number(self) -> Version:
        """``(1, 26, 3)``."""
        parts = self.version.split(".")
        return tuple(int(part) for part in parts if part.isdecimal())

    def lacks(self, directive: str) -> str:
        """Why this nginx cannot know that directive; empty where it should know it, or nobody does."""
        since = SINCE.get(directive)
        if since is not None and self.number < since:
            return f"nginx {'.'.join(map(str, since))} or later has it"
        modules = [module for module in MODULES if module.has(directive)]
        # A module that is built as a file of its own ("=dynamic") is there only where load_module names it.
        if modules and not any(module.marker in f"{self.arguments} " for module in modules):
            return f"the module {modules[0].name} has it"
        return ""
