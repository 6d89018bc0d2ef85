"""The processors and the memory that a control group allows, not those of the host."""

import os
from pathlib import Path

import pytest

from vestnik.stack import up
from vestnik.stack.home import MIB
from vestnik.stack.processes import linux
from vestnik.stack.servers.postgres import sized

WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
UNLIMITED_V1 = "9223372036854771712"
#: The content of /proc/self/cgroup, the files under /sys/fs/cgroup, and the memory in MiB.
MEMORY = {
    "version 2, of a container": ("0::/", {"memory.max": f"{512 * MIB}"}, 512),
    "version 2, of a service": (
        "0::/system.slice/vestnik.service",
        {"memory.max": "max", "system.slice/vestnik.service/memory.max": f"{768 * MIB}"},
        768,
    ),
    "version 2, of a slice above": (
        "0::/a.slice/b.service",
        {"a.slice/memory.max": f"{640 * MIB}", "a.slice/b.service/memory.max": "max"},
        640,
    ),
    "version 2, not limited": ("0::/", {"memory.max": "max"}, None),
    "version 1, of a container": (
        "9:cpu,cpuacct:/docker/x\n4:memory:/docker/x",
        {"memory/memory.limit_in_bytes": f"{512 * MIB}"},
        512,
    ),
    "version 1, with the whole path": (
        "4:memory:/docker/x",
        {
            "memory/memory.limit_in_bytes": UNLIMITED_V1,
            "memory/docker/x/memory.limit_in_bytes": f"{896 * MIB}",
        },
        896,
    ),
    "version 1, not limited": ("4:memory:/", {"memory/memory.limit_in_bytes": UNLIMITED_V1}, None),
    "both, of which version 1 has the memory": (
        "4:memory:/x\n0::/x",
        {"memory/x/memory.limit_in_bytes": f"{512 * MIB}"},
        512,
    ),
    "none to be seen": ("", {}, None),
}
#: The quotas, and how many of 64 processors they allow.
PROCESSORS = {
    "no quota": ("0::/", {"cpu.max": "max 100000"}, 64),
    "one and a half": ("0::/", {"cpu.max": "150000 100000"}, 2),
    "a tenth": ("0::/", {"cpu.max": "10000 100000"}, 1),
    "version 1": (
        "9:cpu,cpuacct:/x",
        {"cpu,cpuacct/cpu.cfs_quota_us": "400000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
        4,
    ),
    "version 1 without": ("9:cpu,cpuacct:/", {"cpu,cpuacct/cpu.cfs_quota_us": "-1"}, 64),
}


def groups(monkeypatch: pytest.MonkeyPatch, folder: Path, own: str, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{content}\n")
    (folder / "own").write_text(f"{own}\n" if own else "")
    monkeypatch.setattr(linux, "CGROUPS", folder)
    monkeypatch.setattr(linux, "OWN_GROUPS", folder / "own")


@pytest.mark.parametrize("which", MEMORY)
def test_shared_buffers_follow_the_container_s_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: str
) -> None:
    own, files, mib = MEMORY[which]
    groups(monkeypatch, tmp_path, own, files)
    memory = WHOLE if mib is None else mib * MIB
    assert linux.memory() == memory
    expected = min(max(memory // 8 // MIB, 64), 2048)
    assert sized(tmp_path)["shared_buffers"] == f"{expected}MB"
    assert sized(tmp_path)["effective_cache_size"] == f"{memory // 2 // MIB}MB"


@pytest.mark.parametrize("which", PROCESSORS)
def test_workers_and_connections_follow_the_processors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: str
) -> None:
    own, files, count = PROCESSORS[which]
    groups(monkeypatch, tmp_path, own, files)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    for name in ("VESTNIK_WORKERS", "WEB_CONCURRENCY", "DATABASE_POOL_SIZE"):
        monkeypatch.setenv(name, "")
    assert up.worker_processes() == count
    assert up.connections() >= (count + 2) * 20  # workers and web, each with its whole pool
    assert up.connections() >= 200


@pytest.mark.parametrize(
    ("workers", "web", "pool", "least"),
    [("24", "2", "20", 520), ("64", "8", "20", 1440), ("4", "2", "100", 600), ("0", "1", "2", 200)],
)
def test_connections_are_as_many_as_the_processes_may_hold(
    monkeypatch: pytest.MonkeyPatch, workers: str, web: str, pool: str, least: int
) -> None:
    monkeypatch.setenv("VESTNIK_WORKERS", workers)
    monkeypatch.setenv("WEB_CONCURRENCY", web)
    monkeypatch.setenv("DATABASE_POOL_SIZE", pool)
    assert up.connections() >= least
