"""What the processes of the tests share."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_tests_run_where_no_cache_can_be_written(tmp_path: Path) -> None:
    """As in a checkout that is mounted to be read."""
    (tmp_path / ".pytest_cache").touch()
    options = [f"--rootdir={tmp_path}", f"-c{ROOT / 'pyproject.toml'}", "-pno:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options, __file__]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert "1 test collected" in done.stdout, done.stdout + done.stderr
