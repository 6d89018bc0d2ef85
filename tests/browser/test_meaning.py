"""What is stored is what the page showed at the click; or nothing is, and the field says why.

Generated over the forms: everything that a browser or the server cannot read, choices that are gone
and parts that contradict each other, submitted in every manner. That takes long: an ordinary run
tries each form and each manner. `MEANING=some` tries each form in each manner, `MEANING=all` all.
"""

import os
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import peopled_stack, session_of
from tests.browser.meaning import Case, World, cases, share
from tests.browser.meaning_clients import CLIENTS
from tests.browser.meaning_mailings import MAILINGS
from tests.browser.meaning_run import run
from tests.browser.meaning_settings import SETTINGS
from tests.browser.meaning_visitor import Visitor
from tests.browser.post_proxy import PostProxy
from tests.stack.running import RunningStack

FORMS = (*CLIENTS, *MAILINGS, *SETTINGS)
CASES = list(cases(FORMS))
MEANING = os.environ.get("MEANING", "")
TIMEOUT = 20_000


def chosen() -> Sequence[Case]:
    match MEANING:
        case "all":
            return CASES
        case "some":
            return share(CASES, lambda case: [(case.form.name, case.manner)])
    return share(CASES, lambda case: [case.form.name, (case.kind, case.manner)])


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def world(stack: RunningStack) -> Iterator[World]:
    made = World(stack)
    yield made
    made.assert_left()
    made.connection.close()


@pytest.fixture(scope="module")
def proxy(stack: RunningStack) -> Iterator[PostProxy]:
    with PostProxy(stack.port) as running:
        yield running


@pytest.fixture(scope="module")
def visitors(
    browser: Browser, stack: RunningStack, proxy: PostProxy
) -> Iterator[dict[tuple[str, bool], Visitor]]:
    """A page of each user, with and without JavaScript, for all cases."""
    opened: dict[tuple[str, bool], Visitor] = {}
    for user in ("viewer", "operator", "admin"):
        for javascript in (True, False):
            context = browser.new_context(
                base_url=proxy.address,
                storage_state=session_of(browser, stack, user),
                locale="en-GB",
                timezone_id="Europe/Moscow",
                java_script_enabled=javascript,
            )
            context.set_default_timeout(TIMEOUT)
            opened[user, javascript] = Visitor(context.new_page(), proxy, has_scripts=javascript)
    yield opened
    for visitor in opened.values():
        visitor.page.context.close()


def test_there_are_enough() -> None:
    assert len(CASES) >= 1_000
    assert len({str(case) for case in CASES}) == len(CASES)
    assert {case.form.name for case in chosen()} == {form.name for form in FORMS}
    assert {case.manner for case in chosen()} == {case.manner for case in CASES}


@pytest.mark.parametrize("case", chosen(), ids=str)
def test_what_is_shown_is_what_is_stored(
    case: Case, world: World, visitors: dict[tuple[str, bool], Visitor]
) -> None:
    run(case, visitors[case.form.user, case.javascript], world)
