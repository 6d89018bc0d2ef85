from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.caller import Caller


@pytest.fixture
def api(db: None) -> "Caller":
    """A client whose key has the role admin."""
    from tests.api.caller import Caller  # here: this file is read before Django's settings

    return Caller()
