"""Requests of a page that get no answer yet."""

from contextlib import suppress

from playwright.sync_api import Error, Page, Route

from tests.stack.embedded_servers import wait_until

#: A page gives a request up after eight seconds, which a busy machine may take to let it go.
PATIENT = """() => document.addEventListener(
    "htmx:configRequest", ({ detail }) => { detail.timeout = 120_000; })"""


class Held:
    """Holds the requests to some addresses (of one method, or of all) until it is told otherwise.

    What comes after that passes: a request that a busy machine sends late is not held for ever. The
    page that is open does not give them up, unless that is what the test is about (`gives_up`).
    """

    def __init__(
        self, page: Page, addresses: str, method: str | None = None, *, gives_up: bool = False
    ) -> None:
        #: All that were asked, also those that have passed.
        self.routes: list[Route] = []
        self.page, self.addresses, self.method, self.passes = page, addresses, method, False
        page.route(addresses, self._take)
        if not gives_up:
            page.evaluate(PATIENT)

    def _take(self, route: Route) -> None:
        if self.method not in (None, route.request.method):
            route.continue_()
            return
        self.routes.append(route)
        if self.passes:
            route.continue_()

    def wait_for(self, count: int = 1) -> None:
        """Return once so many have been asked."""

        def is_asked() -> bool:
            self.page.wait_for_timeout(20)  # in which the browser tells of its requests
            return len(self.routes) >= count

        wait_until(is_asked, seconds=30)

    def mend(self) -> None:
        """Let pass what comes from now on; what hangs goes on hanging."""
        self.passes = True

    def let_go(self) -> None:
        """Let pass all."""
        self.passes = True
        for route in tuple(self.routes):
            with suppress(Error):  # one that is not waited for any more is not answered
                route.continue_()

    def end(self) -> None:
        """Look at no more requests."""
        self.page.unroute(self.addresses, self._take)
