"""Structured JSON logs: one event, one line."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from appliance.core.key_texts import without_keys


def _masked(_logger: Any, _name: str, event: Any) -> Any:
    """A booth's key that was typed into the wrong place of an address is in no line."""
    if "path" in event:
        event["path"] = without_keys(str(event["path"]))
    return event


def configure(level: str = "INFO", *, to_stderr: bool = False) -> None:
    """Send our events and the libraries' records through one JSON formatter.

    ``to_stderr`` is for commands whose standard output is their result.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _masked,
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr if to_stderr else sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.EventRenamer("event"),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Below WARNING some of these write whole pictures or header values, keys among them.
    for noisy in ("httpx", "httpcore", "hpack", "h2", "pyvips", "asyncio", "alembic.runtime.plugins"):
        logging.getLogger(noisy).setLevel("WARNING")
    for ours in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(ours)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # the middleware writes one line per request
