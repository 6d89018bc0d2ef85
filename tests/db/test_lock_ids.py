"""No two advisory locks share a number, and no module has one of its own."""

import re
from pathlib import Path

from vestnik.db import lock_ids

PRODUCT = Path(lock_ids.__file__).parents[1]
NUMBERS = {name: value for name, value in vars(lock_ids).items() if name.endswith("_LOCK")}


def test_each_lock_has_a_number_of_its_own() -> None:
    assert len(NUMBERS) >= 12
    assert len(set(NUMBERS.values())) == len(NUMBERS)


def test_no_other_module_numbers_a_lock() -> None:
    numbered = [
        str(path.relative_to(PRODUCT))
        for path in PRODUCT.rglob("*.py")
        if re.search(r"^(?:[A-Z_]+_)?LOCK = \d", path.read_text(), re.MULTILINE)
    ]
    assert numbered == ["db/lock_ids.py"]
