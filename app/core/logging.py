"""JSON logs with the request id and no personal data."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

_PHONE = re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2}(?!\d)")
_QUERY = re.compile(r"(?<=[\w/])\?[^\s'\"<>]+=[^\s'\"<>]*")
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s'\",]+")
_SECRET_KEYS = frozenset(
    {"password", "code", "token", "access_token", "refresh_token", "authorization", "phone"}
    | {"name", "address", "recipient", "door", "note", "plain"}
)


def without_personal_data(text: str) -> str:
    """Cut phones, bearer tokens and the query parts of addresses out of a text."""
    return _PHONE.sub("[phone]", _BEARER.sub("[token]", _QUERY.sub("?[query]", text)))


def hide_personal_data(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Last guard: phones are cut out of every text, known keys are never written."""
    for key, value in event.items():
        if not key.startswith("_"):  # those are structlog's own and not written
            event[key] = _hidden(key, value)
    return event


def _hidden(key: object, value: Any) -> Any:
    if key in _SECRET_KEYS:
        return "[hidden]"
    if isinstance(value, Mapping):
        return {
            without_personal_data(str(inner)): _hidden(inner, held) for inner, held in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(None, held) for held in value]
    if value is None or isinstance(value, bool | float):
        return value
    shown = without_personal_data(str(value))
    return value if isinstance(value, int) and shown == str(value) else shown


def set_up_logging(*, level: str = "INFO") -> None:
    """Structured JSON on standard error, for our code and for libraries."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_personal_data,
    ]
    as_json = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, as_json],
        # Past the library's records, which cost a request more than its line.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                as_json,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("alembic", "httpx", "httpcore", "apscheduler", "pgqueuer", "wechatpayv3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
