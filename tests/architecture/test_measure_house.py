"""`make measure` counts what it says."""

from pathlib import Path

from tests.architecture.measure_house import House, measure, p90, table

MODULE = '''"""A module."""

# Why.
A = 1  # no comment line


def documented() -> int:
    """Return one.

    In three lines.
    """
    return A


class Thing:
    async def short(self) -> None: ...
'''


def test_a_package_is_counted(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(MODULE)
    (tmp_path / "two.py").write_text("B = 2\n")
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001.py").write_text("# left out\n")

    found = measure(tmp_path)

    assert sorted(found.functions) == [1, 2]
    assert sorted(found.files) == [1, 16]
    assert (found.folders, found.lines, found.comments) == ([2], 17, 1)


def test_nine_in_ten_are_not_above_p90() -> None:
    assert p90([*range(1, 11)]) == 9


def test_the_table_has_a_row_for_each_figure() -> None:
    house = House(functions=[1, 2, 3], files=[10, 20], folders=[2, 2], lines=100, comments=4)

    assert "| function lines | 2 | 3 | 3 |" in table(house)
    assert "| comment lines | 4.0% |" in table(house)
