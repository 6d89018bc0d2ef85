"""Hostile input generated from the OpenAPI document.

No response is a 5xx, and each is described by the document.
"""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.builders import make_client, make_running
from vestnik.access.models import ApiKey
from vestnik.wsgi import application

EXAMPLES = 50

CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
)


schema = schemathesis.openapi.from_wsgi("/api/schema/", application)


@schema.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Skip empty lists: they are left out of the address, so the request is valid."""
    return not any(value in ([], {}) for value in (query or {}).values())


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_every_answer_to_hostile_input_is_as_described(case: schemathesis.Case, key: str) -> None:
    # A long list with invalid items is accepted; the answer names them item by item.
    # A form has texts alone, and an empty text counts as not given.
    itemwise = case.operation.path.endswith(("/bulk/", "/imports/"))
    case.call_and_validate(
        # The WSGI test client does not decompress answers.
        headers={"Authorization": f"Bearer {key}", "Accept-Encoding": "identity"},
        checks=CHECKS,
        excluded_checks=[checks.negative_data_rejection] if itemwise else [],
    )


@pytest.fixture
def key(transactional_db: None) -> str:
    make_running(3)
    make_client("79261234567")
    _, plain = ApiKey.objects.issue(name="hostile", role="admin")
    return plain
