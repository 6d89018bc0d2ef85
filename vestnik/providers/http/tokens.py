"""Temporary tokens of a gateway: fetched when needed, and renewed in time."""

import asyncio
import time

from yarl import URL

from vestnik.providers.http.response import Response, make_readable, scalar_text, step_into
from vestnik.providers.http.transport import HttpTransport, Request
from vestnik.providers.options import Options
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

#: Seconds before the end at which a token is renewed; the lifetime of one that
#: states none.
MARGIN, USUAL = 30.0, 3600.0
#: Seconds. A token that is refused sooner after it was fetched is not expired: the account is
#: refused.
FRESH = 5.0


class TokenRefused(Exception):
    """Raised when the gateway issues no token, because the configuration is wrong."""

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
        token = (scalar_text(step_into(document, self._path)) or "").strip()
        if not (token and token.isprintable()):
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
        """Return the token, fetched once for all that wait for it.

        Raises TokenRefused, or the error of the connection.
        """
        if time.monotonic() >= self._ends_at:
            self._token = ""
        while not self._token:  # one just fetched is used, however short its lifetime is
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            # A message that is given up must not cancel the fetch for the others.
            await asyncio.shield(self._fetching)
        return self._token

    def forget_expired(self, taken_at: float) -> bool:
        """Forget a refused token that had expired. Return whether it had.

        `taken_at` is the time at which `get` returned it: a request may wait for its connection
        until there is another one.
        """
        now = time.monotonic()
        if self._token and taken_at >= self._fetched_at:
            # A fresh token that is refused means that the account is refused, not the token.
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
    """Return the seconds for which a token is used; the margin applies only to long lifetimes.

    Gateways whose tokens do not expire answer 0, or less.
    """
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
