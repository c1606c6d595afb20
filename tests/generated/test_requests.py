"""Requests made from the OpenAPI description: whatever is asked, the answer is one that it describes.

They go to the app itself, past Nginx and its rates, on a stack of their own: an administrator's change
slots, settings and passwords as they like. Each is sent as nobody, then as the administrator, in the order
in which they are made; while one is answered, the next ones are made.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.api import description, operations
from tests.support.installed import copied
from tests.support.requests_to_app import BASE, session_to
from tests.support.stack import Stack, running_stack

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EACH = 27  # generated for one operation in each mode, rightly and wrongly formed
FEWER = {"/api/login": 10}  # each is a password that bcrypt takes its time for
ENOUGH = 10_000  # requests in all
LONGEST = timedelta(seconds=5)
PROVIDERS = ("bfl", "comfyui", "fal", "gemini", "openai", "turbotext")
OPERATIONS = sorted((path, method) for method, path, _ in operations())


@dataclass
class Caller:
    """Sends what was generated, each request from another address, so that no limit of one counts."""

    stack: Stack
    line: requests.Session
    sender: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=1))
    count: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    token: str = ""

    def log_in(self) -> None:
        """A session that stands, whatever an earlier request ended."""
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.token and self.line.get(f"{BASE}/api/me", headers=headers, timeout=30).ok:
            return
        body = {"username": "serg", "password": self.stack.report["passwords"]["accounts"]["serg"]}
        reply = self.line.post(f"{BASE}/api/login", json=body, timeout=30)
        self.token = reply.json()["access_token"]

    def sent(self, case: Any, *, at_once: bool) -> Future[None]:
        """``case`` on its way. The first of each kind is sent ``at_once``: what is imported for it must not
        be imported in the other thread, where Python 3.11 fails if hypothesis moves the limit of recursion
        meanwhile.
        """
        if not at_once:
            return self.sender.submit(self.send_both, case)
        self.send_both(case)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def send_both(self, case: Any) -> None:
        for who in ("nobody", "admin"):
            self.send(case, who)

    def send(self, case: Any, who: str) -> None:
        number = next(self.numbers)
        headers = {"X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        case.headers.pop("Authorization", None)
        if who == "admin":
            headers["Authorization"] = f"Bearer {self.token}"
        self.line.cookies.clear()
        reply = case.call(base_url=BASE, session=self.line, headers=headers, timeout=30)
        self.count[who] += 1
        case.validate_response(reply, checks=CHECKS)
        assert reply.elapsed < LONGEST.total_seconds(), f"{reply.elapsed:.1f} s"


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Caller]:
    nowhere = ",".join(f"{name}=http://127.0.0.1:9" for name in PROVIDERS)
    folder = copied(installed, tmp_path_factory.mktemp("generated"))
    with running_stack(folder, PHOTOCHANGER_PROVIDER_BASE_URLS=nowhere) as stack:
        made = Caller(stack, session_to(stack.app_socket))
        with made.line, made.sender:
            yield made


@functools.cache
def described() -> Any:
    """The description, with all that it can be asked for."""
    return schemathesis.openapi.from_dict(description())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_one_that_the_description_names(caller: Caller, path: str, method: str) -> None:
    operation = described()[path][method]
    caller.log_in()
    each = FEWER.get(path, EACH)
    asked: list[Future[None]] = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @hypothesis.settings(
            max_examples=each, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            asked.append(caller.sent(case, at_once=not asked))

        try:
            ask()
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, "what is asked for nothing cannot be asked wrongly"
    for one in asked:
        one.result()


def test_enough_was_asked(caller: Caller) -> None:
    assert caller.count.total() >= ENOUGH, caller.count
