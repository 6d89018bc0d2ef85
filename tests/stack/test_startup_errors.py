"""An error that prevents a start is one clear line on standard error, and no process is left."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.stack.leftovers import processes_of, runtime_dirs_of
from tests.stack.running import RunningStack

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")


def refusal(home: Path, status: int = 1, **environ: str) -> str:
    """Start the stack and return its one line of error."""
    stack = RunningStack(home=home, workers=1, environ=environ)
    stack.spawn()
    try:
        assert stack.wait_ended(40) == status, stack.tail()
    finally:
        stack.stop()
    assert stack.errors.count("\n") == 1, stack.errors
    assert stack.errors.startswith("vestnik: ")
    assert processes_of(home) == []
    assert runtime_dirs_of(home) == []
    return stack.errors


def test_a_taken_port(home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = refusal(home, VESTNIK_PORT=str(port))
    assert f"port {port} is used" in line
    assert f"VESTNIK_PORT={port + 1}" in line


@as_root
def test_a_full_disk_for_a_new_home(tmp_path, home):
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", home], check=True)
    try:
        line = refusal(home)
    finally:
        subprocess.run(["umount", home], check=True)
    assert f"the disk of {home} is full" in line


@as_root
def test_a_full_disk_for_an_old_home(home, used_home):
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", home], check=True)
    try:
        subprocess.run(["cp", "-a", f"{used_home}/.", home], check=True)
        with open(home / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(home).free)
        line = refusal(home)
    finally:
        subprocess.run(["umount", home], check=True)
    assert "is full" in line


@pytest.mark.parametrize("name", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
def test_a_data_folder_with_a_part_missing(old_home, name):
    (old_home / "postgres" / name).unlink()
    line = refusal(old_home)
    assert f"the data folder is damaged: {old_home}/postgres/{name} is missing" in line
    assert "from a backup" in line


def test_a_data_folder_of_another_major_version(old_home):
    (old_home / "postgres" / "PG_VERSION").write_text("17\n")
    line = refusal(old_home)
    assert "has data of PostgreSQL 17, and this Vestnik has PostgreSQL 18" in line
    assert "vestnik upgrade-database" in line


def test_a_data_folder_of_a_newer_major_version(old_home):
    (old_home / "postgres" / "PG_VERSION").write_text("19\n")
    line = refusal(old_home)
    assert "has data of PostgreSQL 19, and this Vestnik has PostgreSQL 18" in line
    assert "start the newer Vestnik" in line


@pytest.mark.parametrize("name", ["PG_VERSION", "global/pg_control"])
def test_a_data_folder_with_a_part_damaged(old_home, name):
    (old_home / "postgres" / name).write_bytes(b"\xff" * 8192)
    line = refusal(old_home)
    assert "PostgreSQL does not start: " in line
    assert "from a backup" in line


def test_a_damaged_broker_folder(old_home):
    (part,) = old_home.glob("valkey/appendonlydir/*.manifest")
    part.write_text("nothing that Valkey knows\n")
    line = refusal(old_home)
    assert f"remove {old_home}/valkey" in line


def test_lost_secrets(old_home):
    (old_home / "secrets.json").unlink()
    assert "secrets.json is missing" in refusal(old_home)


def test_damaged_secrets(old_home):
    (old_home / "secrets.json").write_text("{")
    assert "secrets.json is damaged" in refusal(old_home)


def test_the_secrets_of_another_home(old_home):
    secrets = old_home / "secrets.json"
    text = secrets.read_text()
    secrets.write_text(text.replace('"database_owner": "', '"database_owner": "x'))
    assert "are not those of" in refusal(old_home)


def test_a_file_in_place_of_the_home(home):
    home.write_text("")
    assert f"cannot use {home}: File exists" in refusal(home)


@as_root
def test_a_home_that_cannot_be_written_to(home):
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", home], check=True)
    try:
        assert f"cannot use {home}: Read-only file system" in refusal(home)
    finally:
        subprocess.run(["umount", home], check=True)


def test_a_database_that_does_not_answer(home):
    line = refusal(home, DATABASE_URL="postgresql://a:b@127.0.0.1:9/c")
    assert "the database at 127.0.0.1:9 does not answer: " in line
    assert "a:b" not in line


def test_a_provider_that_is_not_set_up(home):
    line = refusal(home, 2, SMS_PROVIDER_MAIN_BACKEND="no-such-thing")
    assert "SMS_PROVIDER_MAIN_BACKEND" in line or "main" in line


def test_a_number_that_is_none(home):
    assert "VESTNIK_PORT is 'http'" in refusal(home, 2, VESTNIK_PORT="http")
