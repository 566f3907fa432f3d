"""The ``effective`` line of a boot's record: what the settings' dotted paths lead to."""

from dataclasses import dataclass

from scanner.boot.typed import Object
from scanner.facts.resolved_classes import (
    Cors,
    Jwt,
    PasswordHasher,
    PasswordValidator,
    ReportFilter,
    ResolvedClass,
    RestFramework,
    SessionSerializer,
)


@dataclass(frozen=True)
class EffectiveClasses:
    """The whole line."""

    password_hashers: tuple[PasswordHasher, ...] = ()
    password_validators: tuple[PasswordValidator, ...] = ()
    authentication_backends: tuple[ResolvedClass, ...] = ()
    session_serializer: SessionSerializer | None = None
    report_filter: ReportFilter | None = None
    rest_framework: RestFramework | None = None
    cors: Cors | None = None
    jwt: tuple[Jwt, ...] = ()
    toolbar_for_all: bool = False


def effective_classes(line: Object) -> EffectiveClasses:
    """The line, read strictly. Raises BadRecord."""
    serializer, report_filter = line.optional_object("session_serializer"), line.optional_object("report_filter")
    framework, cors = line.optional_object("rest_framework"), line.optional_object("cors")
    return EffectiveClasses(
        password_hashers=tuple(
            PasswordHasher(one.text("path"), one.texts("bases"), one.number_map("work"), one.number_map("default_work"))
            for one in line.objects("password_hashers")
        ),
        password_validators=tuple(
            PasswordValidator(one.text("path"), one.texts("bases"), one.optional_number("min_length"))
            for one in line.objects("password_validators")
        ),
        authentication_backends=_classes(line, "authentication_backends"),
        session_serializer=_serializer(serializer) if serializer else None,
        report_filter=_report_filter(report_filter) if report_filter else None,
        rest_framework=_rest_framework(framework) if framework else None,
        cors=_cors(cors) if cors else None,
        jwt=tuple(_jwt(one) for one in line.objects("jwt")),
        toolbar_for_all=line.flag("toolbar_for_all"),
    )


def _classes(line: Object, name: str) -> tuple[ResolvedClass, ...]:
    return tuple(ResolvedClass(one.text("path"), one.texts("bases")) for one in line.objects(name))


def _serializer(one: Object) -> SessionSerializer:
    return SessionSerializer(one.text("path"), one.texts("bases"), one.texts("loads_with"), one.flag("readable"))


def _report_filter(one: Object) -> ReportFilter:
    return ReportFilter(
        one.text("path"), one.texts("bases"), one.optional_flag("active"), one.optional_flag("cleanses")
    )


def _rest_framework(one: Object) -> RestFramework:
    return RestFramework(
        permissions=_classes(one, "permissions"),
        authentication=_classes(one, "authentication"),
        throttles=_classes(one, "throttles"),
        renderers=_classes(one, "renderers"),
    )


def _cors(one: Object) -> Cors:
    return Cors(
        allow_all=one.flag("allow_all"),
        credentials=one.flag("credentials"),
        origins=one.texts("origins"),
        regexes=one.texts("regexes"),
        urls=one.text("urls"),
    )


def _jwt(one: Object) -> Jwt:
    return Jwt(
        setting=one.text("setting", 40),
        algorithm=one.text("algorithm", 200),
        verify=one.flag("verify"),
        verify_expiration=one.flag("verify_expiration"),
        access_seconds=one.optional_number("access_seconds"),
        key_is_secret_key=one.flag("key_is_secret_key"),
    )
