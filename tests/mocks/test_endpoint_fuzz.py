"""Schemathesis against the endpoint's own description: no 5xx that was not asked for, and no surprise."""

from __future__ import annotations

from typing import Any

import pytest
from endpoint_kit import app_of, ask, key_of
from hypothesis import HealthCheck, settings

from sandbox.budget import Budget

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.specs.openapi.checks import ignored_auth  # noqa: E402  # it sends our header along

APP = app_of(budget=Budget())
DESCRIPTION = ask(APP, "/openapi.json", method="GET").json
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


@schema.parametrize()
@settings(
    max_examples=60, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], deadline=None
)
def test_the_endpoint_keeps_what_its_description_promises(case: Any) -> None:
    """Status, content type and shape of every answer; bad data is refused, good data is not."""
    case.call_and_validate(headers={"authorization": f"Bearer {key_of(APP)}"}, excluded_checks=[ignored_auth])


def test_the_description_covers_every_route() -> None:
    from mocks.endpoint.app import _ROUTES

    described = {path.removeprefix("/v1") for path in DESCRIPTION["paths"]}
    assert described | {"/openapi.json"} == set(_ROUTES)
