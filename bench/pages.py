"""The median response time of every page, over the data of a year."""

import re
import statistics
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

from bench import many
from bench.report import Report
from tests.browser.people import PASSWORD, make_users
from tests.stack.running import RunningStack

REQUESTS = 15
PART = {"HX-Request": "true"}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Operator:
    """A logged-in user, and the time of each page."""

    def __init__(self, stack: RunningStack) -> None:
        make_users(stack, ("bench", "admin"))
        self._address = stack.address
        self._browser: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))
        token = TOKEN.search(self._read("/login/"))
        assert token is not None
        sent = {"username": "bench", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        assert 'name="password"' not in self._read("/login/", sent=sent)

    def median(self, path: str, headers: Mapping[str, str]) -> float:
        """Return milliseconds until a page is read completely, without the first request."""
        self._read(path, headers)
        return statistics.median(self._timed(path, headers) for _ in range(REQUESTS))

    def _timed(self, path: str, headers: Mapping[str, str]) -> float:
        began = time.perf_counter()
        self._read(path, headers)
        return (time.perf_counter() - began) * 1000

    def _read(
        self, path: str, headers: Mapping[str, str] | None = None, sent: object = None
    ) -> str:
        data = urlencode(sent).encode() if isinstance(sent, dict) else None
        given = {"Accept": "text/html", "Referer": self._address, **(headers or {})}
        request = Request(f"{self._address}{path}", data=data, headers=given)
        with self._browser.open(request, timeout=60) as answer:
            assert answer.status == 200, path
            return str(answer.read().decode())


def listed(stack: RunningStack) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Yield the name of each page, its address, and the headers that request a part of it."""
    states = {state: id for id, state in stack.sql("SELECT id, state FROM mailings_mailing")}
    client = stack.sql("SELECT client_id, phone_number FROM dispatch_message ORDER BY id LIMIT 1")
    done = stack.sql("SELECT max(id) FROM audience_import")[0][0]
    finished, number = states["finished"], client[0][1]
    yield "overview", "/", {}
    yield "mailings", "/mailings/", {}
    yield "mailings, searched", "/mailings/?q=week&state=finished", {}
    yield "mailing, running", f"/mailings/{states['running']}/", {}
    yield "mailing, paused", f"/mailings/{states['paused']}/", {}
    yield "mailing, finished", f"/mailings/{finished}/", {}
    for state in ("delivered", "failed", "suppressed"):
        yield f"its messages, {state}", f"/mailings/{finished}/?state={state}", {}
    yield "its messages, by number", f"/mailings/{finished}/?q={number[3:8]}", {}
    yield "its breakdown", f"/mailings/{finished}/breakdown/", PART
    yield "report", f"/mailings/{finished}/report/", {}
    yield "new mailing", "/mailings/new/", {}
    yield "clients", "/clients/", {}
    yield "clients, by the whole number", f"/clients/?q={number}", {}
    yield "clients, by four digits", f"/clients/?q={number[5:9]}", {}
    yield "clients, by seven digits", f"/clients/?q={number[4:]}", {}
    yield "clients, by digits that nobody has", "/clients/?q=99999999", {}
    yield "clients, by code and tag", f"/clients/?code={number[1:4]}&tag=vip", {}
    yield "one client", f"/clients/{client[0][0]}/", {}
    yield "change a client", f"/clients/{client[0][0]}/edit/", {}
    yield "audiences", "/clients/audiences/", {}
    yield "imports", "/clients/import/", {}
    yield "one import", f"/clients/imports/{done}/", {}
    yield "stop list", "/stop-list/", {}
    yield "stop list, searched", f"/stop-list/?q={number[5:9]}", {}
    yield "settings", "/settings/", {}
    yield "users", "/settings/users/", {}
    yield "account", "/account/", {}


def pages(stack: RunningStack, report: Report, scale: float) -> None:
    """Fill the database and request all pages."""
    clients, messages = int(1_000_000 * scale), int(10_000_000 * scale)
    took = many.fill(stack.database_url, clients, messages)
    print(f"  filled in {took:.0f} s", flush=True)
    operator = Operator(stack)
    medians = {}
    for name, path, headers in listed(stack):
        medians[name] = operator.median(path, headers)
        print(f"  {name}: {medians[name]:.0f} ms", flush=True)
    report.table(
        f"Pages over {clients:,} clients and {messages:,} messages in {many.MAILINGS} mailings, "
        f"the median of {REQUESTS} requests",
        ["page", "ms"],
        [[name, f"{took:.0f}"] for name, took in medians.items()],
    )
    report.figure("pages_slowest_median_ms", max(medians.values()))
    report.figure("pages_client_search_median_ms", max(_of(medians, "clients, by")))


def _of(medians: Mapping[str, float], beginning: str) -> Iterator[float]:
    return (took for name, took in medians.items() if name.startswith(beginning))
