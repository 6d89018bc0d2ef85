"""Tokens that a gateway hands out for a while: fetched when they are needed, and anew in time."""

import asyncio
import time

from yarl import URL

from vestnik.providers.http.response import Response, make_readable, scalar_text, step_into
from vestnik.providers.http.transport import HttpTransport, Request
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: A token is fetched anew so many seconds before it ends; one without a lifetime after an hour.
MARGIN, USUAL = 30.0, 3600.0
#: A token that is refused so soon after it was fetched is no old one: the account is refused.
FRESH = 5.0


class TokenRefused(Exception):
    """The gateway gives us no token: what is configured is wrong."""

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(f"{code}: {reason}")


class TokenEndpoint:
    """Where the tokens of one account come from, and how its answers are read."""

    def __init__(self, options: Options, headers: dict[str, str]) -> None:
        self.url = options.url("token_url", "") if options.text_is_set("token_url") else ""
        body_format = options.choice("token_format", "form", ("form", "json"))
        self._body = options.text("token_body", "grant_type=client_credentials").encode()
        self._path = tuple(options.text("token_path", "access_token").split("."))
        self._lifetime_path = tuple(options.text("token_lifetime_path", "expires_in").split("."))
        self._headers = {**headers, "Content-Type": CONTENT_TYPES[body_format]}

    def request(self) -> Request:
        return Request("POST", URL(self.url, encoded=True), self._headers, self._body)

    def read(self, answer: Response) -> tuple[str, float]:
        """Return a token and for how many seconds it is used; raises TokenRefused."""
        document = answer.document()
        token = scalar_text(step_into(document, self._path))
        if not token:
            raise TokenRefused(str(answer.status), _why(answer))
        lifetime = scalar_text(step_into(document, self._lifetime_path)) or ""
        return token, _seconds(lifetime)


class Tokens:
    """The token of one connection."""

    def __init__(self, endpoint: TokenEndpoint, transport: HttpTransport) -> None:
        self._endpoint, self._transport = endpoint, transport
        self._token, self._fetched_at, self._ends_at = "", 0.0, 0.0
        self._fetching: asyncio.Task[None] | None = None

    async def get(self) -> str:
        """The token; fetched once for all that wait for it. Raises TokenRefused, or what goes wrong
        on the line."""
        if time.monotonic() >= self._ends_at:
            self._token = ""
        while not self._token:  # one just fetched is used, however short its lifetime is
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            await asyncio.shield(self._fetching)
        return self._token

    def is_old(self, departed_at: float) -> bool:
        """Whether a request of then was refused for its token, which is fetched anew by now."""
        now = time.monotonic()
        if self._token and departed_at >= self._fetched_at:
            if now - self._fetched_at < FRESH:
                return False
            self._token = ""
        return True

    async def _fetch(self) -> None:
        async with asyncio.timeout(self._transport.read_timeout):
            answer = await self._transport.exchange(self._endpoint.request())
        token, lifetime = self._endpoint.read(answer)
        self._fetched_at = time.monotonic()
        self._ends_at = self._fetched_at + lifetime
        self._token = token


CONTENT_TYPES = {"form": "application/x-www-form-urlencoded", "json": "application/json"}


def _seconds(lifetime: str) -> float:
    """How long a token is used: the margin is for those that last. Gateways whose tokens do not
    expire answer 0, or less."""
    try:
        lifetime_seconds = float(lifetime)
    except ValueError:
        return USUAL
    if not lifetime_seconds > 0:
        return USUAL
    return max(lifetime_seconds - MARGIN, lifetime_seconds / 2)


def _why(answer: Response) -> str:
    word = make_readable(scalar_text(step_into(answer.document(), ("error",))) or "")
    return word or Reason(Code.NO_TOKEN_GIVEN)
