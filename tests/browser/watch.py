"""Everything that goes wrong in a page while a test looks at something else."""

from collections.abc import Collection
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

#: A browser's own words for an answer of 400 or more, and htmx's: `answered` judges it.
ANSWER_WAS_AN_ERROR = (
    "Failed to load resource: the server responded with a status of",
    "Response Status Error Code",
)
INLINE = ("data", "blob", "about")


class Watch:
    """Notes errors on the console (which is where violations of the CSP appear), errors of
    scripts, answers of 400 and more that the test did not expect, and requests to other hosts."""

    def __init__(self, context: BrowserContext, origin: str, expect: Collection[int] = ()) -> None:
        self.troubles: list[str] = []
        self._origin, self._expect = urlsplit(origin).netloc, frozenset(expect)
        context.on("console", self._said)
        context.on("weberror", self._broke)
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if not message.text.startswith(ANSWER_WAS_AN_ERROR):
            self.troubles.append(f"console {message.type}: {message.text}")

    def _broke(self, broken: WebError) -> None:
        self.troubles.append(f"script: {broken.error}")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc != self._origin and address.scheme not in INLINE:
            self.troubles.append(f"asked another host: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._expect:
            self.troubles.append(f"answered {response.status}: {response.url}")
