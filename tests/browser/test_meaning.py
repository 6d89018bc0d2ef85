"""What is stored is what the page showed at the click; or nothing is, and the field says why.

Generated over the forms: everything that a browser or the server cannot read, choices that are gone
and parts that contradict each other, submitted in every manner. `MEANING=all` runs all of it, and
`MEANING=some` a share of each form, the same each time. It takes minutes: without either it is left
out.
"""

import os
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import peopled_stack, session_of
from tests.browser.meaning import Case, Visitor, World, cases, run
from tests.browser.meaning_clients import CLIENTS
from tests.browser.meaning_mailings import MAILINGS
from tests.browser.meaning_settings import SETTINGS
from tests.stack.running import RunningStack

FORMS = (*CLIENTS, *MAILINGS, *SETTINGS)
CASES = list(cases(FORMS))
MEANING = os.environ.get("MEANING", "")
#: One in so many of a form's cases, so that each manner comes up.
SHARE = 8
TIMEOUT = 20_000


def chosen() -> Sequence[Case]:
    if MEANING == "all":
        return CASES
    return [case for form in FORMS for case in [c for c in CASES if c.form is form][::SHARE]]


@pytest.fixture(scope="module")
def stack(browser: Browser) -> Iterator[RunningStack]:
    """A system of its own."""
    with peopled_stack() as running:
        yield running


@pytest.fixture(scope="module")
def world(stack: RunningStack) -> Iterator[World]:
    made = World(stack)
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def visitors(browser: Browser, stack: RunningStack) -> Iterator[dict[tuple[str, bool], Visitor]]:
    """A page of each user, with and without JavaScript, for all cases."""
    opened: dict[tuple[str, bool], Visitor] = {}
    for user in ("viewer", "operator", "admin"):
        for javascript in (True, False):
            context = browser.new_context(
                base_url=stack.address,
                storage_state=session_of(browser, stack, user),
                locale="en-GB",
                timezone_id="Europe/Moscow",
                java_script_enabled=javascript,
            )
            context.set_default_timeout(TIMEOUT)
            opened[user, javascript] = Visitor(context.new_page(), has_scripts=javascript)
    yield opened
    for visitor in opened.values():
        visitor.page.context.close()


def test_there_are_enough() -> None:
    assert len(CASES) >= 400
    assert len(chosen()) >= 60
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.mark.skipif(not MEANING, reason="run by MEANING=some or MEANING=all")
@pytest.mark.parametrize("case", chosen(), ids=str)
def test_what_is_shown_is_what_is_stored(
    case: Case, world: World, visitors: dict[tuple[str, bool], Visitor]
) -> None:
    run(case, visitors[case.form.user, case.javascript], world)
