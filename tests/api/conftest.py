from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.api.caller import Caller


@pytest.fixture
def api(db: None) -> "Caller":
    """Somebody whose key may do everything."""
    from tests.api.caller import Caller  # here: this file is read before Django's settings

    return Caller()
