"""Pages that move: events over real sockets, and one look a second for all who watch."""

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from urllib.parse import urlencode

import pytest
import redis

from tests.dashboard.viewers import EVENTS, Viewer, ask, log_in, viewers
from tests.pipeline.mailings import command, create, fill, read, wait_ended
from tests.stack.embedded_servers import wait_until
from tests.stack.running import RunningStack
from vestnik.dashboard.live.shared_cache import KEY_PREFIX

#: For each of two processes; all viewers may connect to one of them.
STREAMS = 12
ENVIRON = {"SMS_PROVIDER_NULL_BACKEND": "null", "WEB_STREAMS": str(STREAMS)}


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with RunningStack(workers=1, environ=ENVIRON) as running:
        fill(running, 5_000)
        yield running


@pytest.fixture(scope="module")
def cookies(stack: RunningStack) -> str:
    return log_in(stack)


@pytest.fixture
def mailing(stack: RunningStack) -> Iterator[int]:
    """One that is under way for as long as the test."""
    made = create(stack, provider="null", rate_limit=100, ends_in=3600)
    wait_until(lambda: read(stack, made)["progress"]["sent"], seconds=30)
    yield made
    command(stack, made, "cancel")
    wait_ended(stack, made, seconds=30)


class Looks:
    """How often the stack looked at something, by all its processes: what was seen is put into
    Redis for the others, and a look is one query. `at` is by its clock."""

    def __init__(self, stack: RunningStack, topic: str) -> None:
        self.key = f"{KEY_PREFIX}:{topic}"
        self.at: list[float] = []
        self._client = redis.Redis.from_url(stack.redis_url)
        self._wanted = True
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Looks":
        self._thread.start()
        assert self._listens.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._wanted = False
        self._client.ping()  # ends the wait for a next command
        self._thread.join(5)
        self._client.close()

    def _listen(self) -> None:
        with self._client.monitor() as monitor:
            self._listens.set()
            while self._wanted:
                said = monitor.next_command()
                if said["command"].split(" ", 2)[:2] == ["SET", self.key]:
                    self.at.append(said["time"])


def test_the_bar_moves_for_everybody_by_one_look_a_second(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    with (
        Looks(stack, f"mailing:{mailing}") as looks,
        viewers(stack, STREAMS, f"/live/mailings/{mailing}/", cookies) as watching,
    ):
        assert {viewer.status for viewer in watching} == {200}
        wait_until(lambda: all(len(set(v.settled)) >= 4 for v in watching), seconds=30)
    for viewer in watching:
        assert viewer.settled == sorted(viewer.settled)
    # Two processes, and between them a look a second; one may have begun late and be soon followed.
    assert 4 <= len(looks.at) <= (looks.at[-1] - looks.at[0]) / 0.95 + 2


def test_a_stream_says_how_it_wants_to_be_treated(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    viewer = Viewer(stack, f"/live/mailings/{mailing}/", cookies)
    try:
        assert viewer.answer.headers["Content-Type"] == f"{EVENTS}; charset=utf-8"
        assert viewer.answer.headers["X-Accel-Buffering"] == "no"
        assert viewer.answer.headers["Cache-Control"] == "no-store"
        assert "Content-Encoding" not in viewer.answer.headers
    finally:
        viewer.close()


PAUSED_AT = """
SELECT extract(epoch FROM at)::float8 FROM mailings_mailingevent
WHERE mailing_id = %s AND event = 'pause'
"""


def test_a_change_of_state_comes_with_the_next_look(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    with viewers(stack, 1, f"/live/mailings/{mailing}/", cookies) as (viewer,):
        wait_until(lambda: viewer.events, seconds=30)
        assert viewer.events[-1][1]["state"] == "running"
        command(stack, mailing, "pause")
        wait_until(lambda: viewer.events[-1][1]["state"] == "paused", seconds=30)
        [(paused_at,)] = stack.sql(PAUSED_AT, (mailing,))
        late = [event["state"] for at, event in viewer.events if at > paused_at]
        assert late.count("running") <= 1  # a look may have been under way
        assert viewer.events[-1][1]["told"].startswith("paused, ")


@pytest.mark.parametrize("who", ["streams", "asks", "connects again"])
def test_a_page_hears_nothing_from_before_it_was_made(
    stack: RunningStack, cookies: str, mailing: int, who: str
) -> None:
    with viewers(stack, 1, f"/live/mailings/{mailing}/", cookies) as (viewer,):
        wait_until(lambda: viewer.events, seconds=30)
        # For a second from now on what is kept for all is what was seen before this.
        command(stack, mailing, "pause")
        _, _, html = ask(stack, f"/mailings/{mailing}/", cookies, "text/html")
        path, state = re.findall(r'data-live="([^"]+)" data-state="([^"]+)"', html)[0]
        assert state == "paused"
        if who == "asks":
            word = json.loads(ask(stack, path, cookies)[2])
            assert word["state"] == "paused"
            assert word["now"] >= float(path.split("since=")[1])
            return
        last = ""
        if who == "connects again":
            path, last = path.split("?since=")
        with viewers(stack, 1, path, cookies, last) as (late,):
            wait_until(lambda: late.events, seconds=30)
            assert late.events[0][1]["state"] == "paused"
            assert late.last_id


def test_a_moment_that_is_none_is_none(stack: RunningStack, cookies: str, mailing: int) -> None:
    for since in ("soon", "nan", "-inf", "1e300", ""):
        assert ask(stack, f"/live/mailings/{mailing}/?since={since}", cookies)[0] == 200


def test_where_nothing_changes_the_stream_says_that_it_is_alive(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    command(stack, mailing, "pause")
    with viewers(stack, 1, f"/live/mailings/{mailing}/", cookies) as (viewer,):
        wait_until(lambda: viewer.beats >= 1, seconds=20)
        assert len(viewer.events) <= 3


def test_the_overview_moves_too(stack: RunningStack, cookies: str, mailing: int) -> None:
    with viewers(stack, 2, "/live/overview/", cookies) as watching:
        wait_until(lambda: all(len(v.events) >= 3 for v in watching), seconds=30)
    assert f'href="/mailings/{mailing}/"' in watching[0].events[-1][1]["html"]


def test_who_gets_no_stream_asks(stack: RunningStack, cookies: str, mailing: int) -> None:
    path = f"/live/mailings/{mailing}/"
    with viewers(stack, 30, path, cookies) as watching:
        statuses = [viewer.status for viewer in watching]
        assert statuses.count(200) <= 2 * STREAMS
        assert 503 in statuses
        status, headers, text = ask(stack, path, cookies)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert '"state": "running"' in text
        assert ask(stack, f"/mailings/{mailing}/", cookies, "text/html")[0] == 200
    # A closed viewer frees its place when the stream notices.
    wait_until(lambda: _has_room(stack, path, cookies), seconds=20)


def _has_room(stack: RunningStack, path: str, cookies: str) -> bool:
    viewer = Viewer(stack, path, cookies)
    viewer.close()
    return viewer.status == 200


class Pages:
    """What one browser hears of all its pages."""

    def __init__(self, stack: RunningStack, cookies: str, *keys: str) -> None:
        self.words: list[dict[str, str]] = []
        self.beats: list[tuple[float, list[str]]] = []
        path = "/live/?" + urlencode([("on", key) for key in keys])
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=60)
        self.connection.request("GET", path, headers={"Cookie": cookies, "Accept": EVENTS})
        self.answer = self.connection.getresponse()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        is_beat = False
        with suppress(OSError, http.client.HTTPException, AttributeError, ValueError):
            while line := self.answer.readline():
                if line.startswith(b"data: "):
                    found = json.loads(line[6:])
                    if is_beat:
                        self.beats.append((time.monotonic(), found["on"]))
                    else:
                        self.words.append(found)
                is_beat = line.startswith(b"event: beat")

    def close(self) -> None:
        if self.connection.sock is not None:
            self.connection.sock.close()
        self.answer.close()


def test_one_stream_tells_all_pages_of_a_browser_each_in_its_own_way(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    command(stack, mailing, "pause")
    wanted = [
        f"mailing:{mailing},0,ru,Asia/Vladivostok",
        f"mailing:{mailing},0,en,Europe/Moscow",
        "overview,0,en,UTC",
        *("mailing:999999,0,en,UTC", "mailing:x,0,en,UTC", "mailing:²,0,en,UTC"),
        *("import:999999,0,en,UTC", "nothing", "", ",,,,"),
    ]
    pages = Pages(stack, cookies, *wanted)
    try:
        wait_until(lambda: len({word["on"] for word in pages.words}) == 3, 20)
        wait_until(lambda: sum(len(on) == 3 for _, on in pages.beats) >= 2, 20)
    finally:
        pages.close()
    words = {word["on"]: word for word in pages.words}
    russian = words[f"mailing:{mailing},ru,Asia/Vladivostok"]
    english = words[f"mailing:{mailing},en,Europe/Moscow"]
    assert "на паузе" in russian["slots"]["mailing-state"]
    assert "paused" in english["slots"]["mailing-state"]
    assert russian["revision"] == english["revision"] != ""


#: Seconds of silence after which a page takes its connection for dead: see live-stream.js.
SILENT_AFTER = 10.0


def test_a_stream_is_never_silent_for_long(stack: RunningStack, cookies: str) -> None:
    """Also where there is nothing to tell: a browser knows a dead connection by its silence."""
    pages = Pages(stack, cookies, "mailing:999999,0,en,UTC")
    try:
        wait_until(lambda: len(pages.beats) >= 4, 30)
    finally:
        pages.close()
    times = [at for at, _ in pages.beats]
    assert max(after - before for before, after in pairwise(times)) < SILENT_AFTER


def test_who_asks_for_all_pages_is_told_of_all(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    asked = urlencode([("on", f"mailing:{mailing},0,en,UTC"), ("on", "overview,0,ru,UTC")])
    status, _, text = ask(stack, f"/live/?{asked}", cookies)

    assert status == 200
    assert [word["on"] for word in json.loads(text)["words"]] == [
        f"mailing:{mailing},en,UTC",
        "overview,ru,UTC",
    ]


def revisions(viewer: Viewer) -> set[str]:
    return {event["revision"] for _, event in viewer.events}


CHANGES = [
    {"name": "Another name"},
    {"rate_limit": 77},
    {"ends_at": "2030-01-01T00:00:00Z"},
]


def test_whatever_else_a_page_shows_of_a_mailing_has_a_mark(
    stack: RunningStack, cookies: str, mailing: int
) -> None:
    path = f"/live/mailings/{mailing}/"
    with viewers(stack, 1, path, cookies) as (viewer,):
        for count, change in enumerate(CHANGES, start=1):
            wait_until(lambda count=count: len(revisions(viewer)) >= count, 30)
            assert stack.api("PATCH", f"mailings/{mailing}/", change).status == 200
        wait_until(lambda: len(revisions(viewer)) > len(CHANGES), 30)


def test_nobody_else_listens(stack: RunningStack, mailing: int) -> None:
    status, headers, _ = ask(stack, f"/live/mailings/{mailing}/", accept=EVENTS)

    assert status == 302
    assert headers["Location"].startswith("/login/")


@pytest.mark.parametrize("accept", [EVENTS, "application/json"])
def test_what_there_is_not_is_not_found(stack: RunningStack, cookies: str, accept: str) -> None:
    assert ask(stack, "/live/mailings/999999/", cookies, accept)[0] == 404


def test_a_stack_with_many_viewers_stops_in_time() -> None:
    with RunningStack(workers=1, environ=ENVIRON | {"WEB_STREAMS": "50"}) as running:
        fill(running, 100)
        made = create(running, provider="null", rate_limit=1, ends_in=3600)
        with viewers(running, 50, f"/live/mailings/{made}/", log_in(running)) as watching:
            wait_until(lambda: all(viewer.events for viewer in watching), seconds=20)
            began = time.monotonic()
            running.stop()
            took = time.monotonic() - began
            wait_until(lambda: all(viewer.ended_at for viewer in watching), seconds=5)
    assert took < 10
