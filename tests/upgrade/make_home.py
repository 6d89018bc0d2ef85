"""Make `home.sql.gz` and `answers.json.gz`: the data of the release before, and what it answered.

    python -m tests.upgrade.make_home [TREE]

The release before runs its own stack against the sandbox gateway, by the API alone: mailings in
each state, messages in each state, with the reasons that it writes. Then its workers are stopped in
mid-call, every address is read, and the database is dumped. `test_in_place.py` restores it.
"""

import gzip
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.gateways.standing import Standing
from tests.pipeline.gateways import SECRET, declared, http, smpp
from tests.pipeline.mailings import command, create, instant, read
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack, free_port
from tests.upgrade.release_before import ReleaseBefore, release_before
from vestnik.stack.servers.data_folder import install

HERE = Path(__file__).parent
DUMP, ANSWERS = HERE / "home.sql.gz", HERE / "answers.json.gz"
#: Beyond the life of these tests: what is under way must not end by the calendar.
FAR = 60 * 60 * 24 * 365 * 60.0
LISTS = ("mailings", "messages", "clients", "stop-list", "audiences")
OF_MAILING = ("", "events/", "statistics/")
STATES = ("failed", "expired", "unknown", "undelivered")
CLOSED_PORT = "1"
BOUNDARY = "vestnik-form"

#: By the last digits of a number: what the gateway does with it.
ACTS = {
    "79260000101": "accept",
    "79260000102": "refuse",
    "79260000103": "take_and_drop",
    "79260000104": "take_and_hang",
    "79260000105": "take_and_fail",
    "79260000106": "take_and_babble",
    "79260000107": "drop",
}
#: The gateway delays these, and the account is refused, or everything is: they end by their end.
TEMPORARY = {"79260000201": "fail"}
THROTTLED = {"79260000202": "throttle"}
FORBIDDEN = {"79260000301": "forbid"}


def main(tree: Path | None) -> None:
    """Fill a home by the release before, and store what is in it."""
    with (
        release_before(tree) as release,
        Standing(
            smpp=True, numbers=ACTS | TEMPORARY | THROTTLED | FORBIDDEN, receipts=True
        ) as gateway,
        tempfile.TemporaryDirectory(prefix="vestnik-before-home-") as folder,
    ):
        home = Path(folder) / "home"
        with started(release, home, gateway, more=("gone",)) as stack:
            fill(stack, gateway)
        with started(release, home, gateway) as stack:
            continue_without_a_provider(stack)
            leave_some_in_flight(stack, gateway)
            store(stack)


def started(
    release: ReleaseBefore, home: Path, gateway: Standing, more: tuple[str, ...] = ()
) -> RunningStack:
    """A stack of the release before, with one worker."""
    port = free_port()
    secret = f"http://127.0.0.1:{port}/api/v1/receipts/main/{SECRET}/"
    gateway.set(callback_url=secret)
    environ = {
        **http(gateway, "main", deadline="1"),
        **http(gateway, "slow", deadline="20"),
        **http(gateway, "again", deadline="1", in_doubt="resend", deduplicates="true"),
        **http(gateway, "twice", max_attempts="2", temporary_statuses="429,500"),
        **http(gateway, "nobody", url=f"http://127.0.0.1:{CLOSED_PORT}"),
        **smpp(gateway, "smpp", deadline="1"),
        **declared("vendor", {"backend": "smsc", "url": gateway.url, "apikey": "key"}),
    }
    for alias in more:
        environ |= http(gateway, alias)
    return RunningStack(
        home=home, port=port, workers=1, environ=environ, command=release.command("up")
    )


# --- what is in it -----------------------------------------------------------------------------


def fill(stack: RunningStack, gateway: Standing) -> None:
    """Clients, files, a stop list, and a mailing for each way in which one goes."""
    make_clients(stack)
    import_files(stack)
    stop(stack, gateway)
    finished = send(stack, "each", "main", name="Finished")
    for provider in ("main", "smpp", "vendor"):
        give_up = send(stack, "each", provider, name=f"Given up, {provider}")
        post(stack, f"mailings/{give_up}/unknown/", {"action": "give_up"})
        send(stack, "each", provider, name=f"Held, {provider}")
    send(stack, "each", "again", ends_in=8.0, name="Resent until its end")
    send(stack, "many", "smpp", text="д" * 300, name="In parts")
    undelivered(stack, gateway)
    send(stack, "people", "main", text="{{ name }}, {{ note }}", name="Personal")
    send(stack, "people", "main", text='{{ note|default:"" }}', name="Empty")
    send(stack, "temporary", "twice", name="Attempts exhausted")
    for tag, provider in (("throttled", "twice"), ("forbidden", "vendor"), ("many", "nobody")):
        send(stack, tag, provider, ends_in=6.0, name=f"Expired, {tag}", wait=120.0)
    create(stack, starts_in=FAR - 60, ends_in=FAR, filter={"tags": ["many"]}, name="Scheduled")
    create(stack, ends_in=FAR, draft=True, name="Draft", local_hours=HOURS, provider="smpp")
    follow = {"starts_at": instant(0), "ends_at": instant(600), "states": list(STATES)}
    post(stack, f"mailings/{finished}/send-again/", follow)
    test = {"text": "A test", "phone_numbers": ["79260000101", "79260000901"]}
    post(stack, "mailings/test-send/", {**test, "provider": "main"})
    cancelled(stack)
    paused(stack)
    refuse_all(stack, gateway)
    unmatched_receipts(stack)
    post(stack, "audiences/", {"name": "Some", "filter": {"tags": ["many"]}})
    create(stack, ends_in=FAR, filter={"tags": ["many"]}, provider="gone", rate_limit=1)
    # Missed: due and over while the stack is down.
    create(stack, starts_in=1.5, ends_in=1.6, filter={"tags": ["many"]}, name="Missed")


HOURS = {"from": "09:00", "until": "21:00"}


def make_clients(stack: RunningStack) -> None:
    """By tag: those of `ACTS`, those with and without values, and many."""
    clients = [{"phone_number": phone, "tag": "each"} for phone in ACTS]
    clients += [{"phone_number": phone, "tag": "temporary"} for phone in TEMPORARY]
    clients += [{"phone_number": phone, "tag": "throttled"} for phone in THROTTLED]
    clients += [{"phone_number": phone, "tag": "forbidden"} for phone in FORBIDDEN]
    clients += [{"phone_number": f"7926000{n}", "tag": "many"} for n in range(1000, 1030)]
    clients += [{"phone_number": f"7926000{n}", "tag": "refused"} for n in range(2000, 2400)]
    names: list[dict[str, Any]] = [
        {"name": "Анна", "note": "да"},
        {"name": "Борис"},
        {},
        {"name": "Вера", "note": "длинно " * 150},
        {"name": "Глеб", "age": 41, "city": "Казань", "active": True},
    ]
    clients += [
        {"phone_number": f"7926000{n}", "tag": "people", "attributes": values}
        for n, values in enumerate(names, start=3000)
    ]
    clients += [{"phone_number": "79260000901", "tag": "people", "timezone": "Asia/Omsk"}]
    answer = post(stack, "clients/bulk/", clients)
    assert not answer["invalid"], answer


def import_files(stack: RunningStack) -> None:
    """A file with rows that are refused, one that is none, and one for the stop list."""
    rows = ("79261110001,vip,Анна", "12345,vip,x", "79261110002,vip,Борис", "79261110002,vip,Б")
    rows += ("+44 20 7946 0958,vip,x", ",vip,x", "7926111000а,vip,x", "8 (926) 111-00-03,vip,Вера")
    table = "\n".join(("phone_number,tag,name", *rows))
    hand_in(stack, "clients.csv", table.encode())
    hand_in(stack, "old.csv", "телефон;имя\n89261110004;Глеб".encode("cp1251"))
    hand_in(stack, "no.pdf", b"%PDF-1.7 nothing")
    hand_in(stack, "empty.csv", b"")
    hand_in(stack, "heads.csv", b"one,two\n1,2\n")
    hand_in(stack, "stop.csv", b"phone_number,reason\n79260000901,asked\n79269990000,", "stop_list")


def hand_in(stack: RunningStack, name: str, content: bytes, into: str = "clients") -> None:
    """Upload a file, and wait until it is read. What the release refuses at once is not kept."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="into"\r\n\r\n{into}\r\n'
    head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    body = head.encode() + b"\r\n" + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    request = Request(  # noqa: S310  (our own address)
        f"{stack.address}/api/v1/clients/imports/",
        data=body,
        headers={
            "Authorization": f"Bearer {stack.key}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        },
    )
    try:
        with urlopen(request, timeout=30) as response:  # noqa: S310  (our own address)
            id = json.loads(response.read())["id"]
    except OSError as error:
        print(name, error)
        return
    wait_until(lambda: get(stack, f"clients/imports/{id}/")["finished_at"], 60)


def stop(stack: RunningStack, gateway: Standing) -> None:
    """By the API with a reason, and by a word that a client writes."""
    post(stack, "stop-list/", {"phone_numbers": ["79260001029"], "reason": "asked by telephone"})
    sql = "SELECT count(*) FROM audience_stoplistentry WHERE source = 'inbound'"
    wait_until(lambda: gateway.sandbox.smpp.sessions, 30)
    gateway.hear("79260001028", "СТОП")
    wait_until(lambda: stack.sql(sql) == [(1,)], 30)


def undelivered(stack: RunningStack, gateway: Standing) -> None:
    """Receipts that say that some did not arrive, by HTTP and by SMPP."""
    gateway.set(undelivered=50, seed=1)
    for provider in ("main", "smpp"):
        send(stack, "many", provider, name=f"Undelivered, {provider}")
    wait_until(gateway.says_no_more, 30)
    gateway.set(undelivered=0)


def cancelled(stack: RunningStack) -> None:
    """In mid-mailing; another before its start."""
    mailing = create(stack, filter={"tags": ["many"]}, provider="main", rate_limit=2)
    wait_until(lambda: 0 < read(stack, mailing)["progress"]["queued"] < 27, 60)
    command(stack, mailing, "cancel")
    command(stack, create(stack, starts_in=500.0, provider="main"), "cancel")


def paused(stack: RunningStack) -> None:
    """In mid-mailing, then changed; of three who wait one is deleted, one erased, one stopped."""
    mailing = create(
        stack, filter={"tags": ["many"]}, provider="main", rate_limit=2, ends_in=FAR, name="Paused"
    )
    wait_until(lambda: 0 < read(stack, mailing)["progress"]["queued"] < 27, 60)
    command(stack, mailing, "pause")
    assert stack.api("PATCH", f"mailings/{mailing}/", {"name": "Paused by us"}).status == 200
    wait_until(lambda: not read(stack, mailing)["progress"]["sending"], 30)
    deleted, erased, stopped = get(stack, f"messages/?mailing={mailing}&state=queued")[-3:]
    assert stack.api("DELETE", f"clients/{deleted['client']}/").status == 204
    post(stack, f"clients/{erased['client']}/erase/", None)
    post(stack, "stop-list/", {"phone_numbers": [stopped["phone_number"]]})


def refuse_all(stack: RunningStack, gateway: Standing) -> None:
    """Until the mailing pauses itself."""
    gateway.set(percent={"refuse": 100})
    mailing = create(
        stack, filter={"tags": ["refused"]}, provider="main", ends_in=FAR, rate_limit=100
    )
    wait_until(lambda: read(stack, mailing)["state"] == "paused", 60)
    gateway.set(percent={})


def unmatched_receipts(stack: RunningStack) -> None:
    """Receipts about messages that were never sent."""
    for state in ("undelivered", "delivered"):
        body = {"provider_id": f"of-{state}", "status": state, "error": "UNDELIV 027"}
        request = Request(  # noqa: S310  (our own address)
            f"{stack.address}/api/v1/receipts/main/{SECRET}/",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urlopen(request, timeout=30):  # noqa: S310  (our own address)
            pass


def continue_without_a_provider(stack: RunningStack) -> None:
    """A mailing whose provider is configured no more pauses itself; another was missed."""
    ended = """
        SELECT count(*) FROM mailings_mailing
        WHERE (provider = 'gone' AND state = 'paused') OR (name = 'Missed' AND state = 'missed')
    """
    wait_until(lambda: stack.sql(ended) == [(2,)], 60)


def leave_some_in_flight(stack: RunningStack, gateway: Standing) -> None:
    """Kill a worker in a call to the provider, and stop the next worker in its call for good."""
    gateway.set(delay=3.0)
    to_each, to_many = ({"filter": {"tags": [tag]}, "ends_in": FAR} for tag in ("each", "many"))
    killed = create(stack, provider="slow", name="Killed", **to_each)
    print("killed", killed, flush=True)
    wait_until(lambda: in_flight(stack, killed), 240)
    pid = stack.kill("worker.1")
    wait_until(lambda: read(stack, killed)["progress"]["unknown"], 240)
    stack.wait_reborn("worker.1", pid, 120)
    running = create(stack, provider="slow", name="Running", rate_limit=3, **to_many)
    wait_until(lambda: read(stack, running)["progress"]["sent"] > 3, 240)
    wait_until(lambda: in_flight(stack, running), 240)
    for name in ("worker.1", "beat"):
        stack.kill(name, signal.SIGSTOP)
    assert in_flight(stack, running)


def in_flight(stack: RunningStack, mailing: int) -> bool:
    query = "SELECT id FROM dispatch_batch WHERE in_flight <> '{}' AND mailing_id = %s"
    return bool(stack.sql(query, (mailing,)))


# --- what it answers ---------------------------------------------------------------------------


def send(
    stack: RunningStack, tag: str, provider: str, *, wait: float = 180.0, **fields: Any
) -> int:
    """A mailing to the clients of a tag; its id once it has ended, or its messages have left."""
    mailing = create(stack, filter={"tags": [tag]}, provider=provider, **fields)
    print(mailing, tag, provider, fields, flush=True)
    wait_until(lambda: read(stack, mailing)["state"] == "finished", wait)
    return mailing


def post(stack: RunningStack, path: str, body: object) -> Any:
    answer = stack.api("POST", path, body)
    assert answer.status < 300, (path, answer)
    return answer.body


def get(stack: RunningStack, path: str) -> Any:
    """The answer; of a list, all pages."""
    return all_pages(lambda where: stack.api("GET", where).body, path)


def all_pages(ask: Callable[[str], Any], path: str) -> Any:
    """What an address answers; where it is a page of a list, the rows of all pages."""
    answer = ask(path)
    if not isinstance(answer, dict) or "results" not in answer:
        return answer
    rows = list(answer["results"])
    while answer["next"]:
        answer = ask(answer["next"].partition("/api/v1/")[2])
        rows += answer["results"]
    return rows


def addresses(ask: Callable[[str], Any]) -> list[str]:
    """All that can be read, by the ids that the lists name."""
    found = [f"{name}/?page_size=100" for name in LISTS]
    found += ["statistics/"]
    for mailing in all_pages(ask, "mailings/"):
        found += [f"mailings/{mailing['id']}/{more}" for more in OF_MAILING]
    return found


def store(stack: RunningStack) -> None:
    """Dump the database, and keep what the API answers about the same instant."""

    def ask(path: str) -> Any:
        answer = stack.api("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body

    answers = {path: all_pages(ask, path) for path in addresses(ask)}
    imports = "SELECT id FROM audience_import ORDER BY id"
    for (id,) in stack.sql(imports):
        answers[f"clients/imports/{id}/"] = ask(f"clients/imports/{id}/")
    sums = counts(stack)
    write(DUMP, dumped(stack.database_url))
    assert sums == counts(stack), "something moved meanwhile"
    write(ANSWERS, json.dumps({"key": stack.key, "answers": answers}, ensure_ascii=False, indent=0))
    print(sums)


def counts(stack: RunningStack) -> Mapping[str, int]:
    query = "SELECT state, count(*) FROM dispatch_message GROUP BY 1 ORDER BY 1"
    return dict(stack.sql(query))


def dumped(url: str) -> str:
    """The database as statements that psycopg runs: rows are inserted, psql's words left out."""
    words = ("--no-owner", "--no-privileges", "--rows-per-insert=500", f"--dbname={url}")
    dump = subprocess.run(
        [str(install() / "bin" / "pg_dump"), *words], check=True, capture_output=True, text=True
    ).stdout
    # An older server does not know the last of these settings.
    left_out = ("\\", "SET transaction_timeout", "--")
    return "\n".join(line for line in dump.splitlines() if not line.startswith(left_out))


def write(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
