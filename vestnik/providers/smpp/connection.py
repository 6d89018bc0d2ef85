"""A connection to one SMSC: a session that is bound again whenever it is lost."""

import asyncio
import logging
import ssl

from vestnik import jitter
from vestnik.providers.base import account_refused
from vestnik.providers.errors import reason_of_errno
from vestnik.providers.outcomes import ErrorClass
from vestnik.providers.smpp.bind_options import BindOptions
from vestnik.providers.smpp.session import BindRefused, ConnectionLost, Listener, Session
from vestnik.providers.smpp.status import NAMES
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

log = logging.getLogger(__name__)
#: Seconds before a bind that was refused for its account is repeated: SMSCs lock accounts out.
ACCOUNT_PAUSE = 10.0
#: A session that ends sooner and has answered nothing counts as a failed try.
STABLE_SECONDS = 5.0


class NotBound(Exception):
    """Raised when nothing can be sent now.

    The next try is in `retry_after` seconds; `account` means that the account is refused.
    """

    def __init__(self, reason: str, retry_after: float, *, account: bool = False) -> None:
        self.reason, self.retry_after, self.account = reason, retry_after, account
        super().__init__(reason)


class ReconnectingConnection:
    """Keeps a session of one kind bound, with back-off and jitter between tries."""

    def __init__(self, options: BindOptions, kind: str, listener: Listener) -> None:
        self._options, self._kind = options, kind
        self._session: Session | None = None
        self._changed = asyncio.Condition()
        self._failure, self._next_try, self._is_refused = "", 0.0, False
        self._told: set[str] = set()
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._keep_bound(listener))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        session, self._session = self._session, None
        if session is not None:
            await session.unbind(patience=1.0)

    @property
    def is_bound(self) -> bool:
        return self._session is not None and self._session.usable

    async def session(self) -> Session:
        """Return the bound session; wait while one is being bound. Raises NotBound."""
        session = self._session
        if session is not None and session.usable:
            return session
        if self._task is None:
            raise NotBound(Reason(Code.NOT_OPEN), 0.0)
        async with self._changed:
            while not (self._session and self._session.usable):
                if self._failure:
                    raise NotBound(self._failure, self._until_next_try(), account=self._is_refused)
                await self._changed.wait()
            return self._session

    def _until_next_try(self) -> float:
        return max(0.0, self._next_try - asyncio.get_running_loop().time())

    async def _keep_bound(self, listener: Listener) -> None:
        tries = 0
        while True:
            tries += 1
            try:
                session = await self._bound(listener)
            except Exception as error:
                pause, reason = self._pause(tries, error), _explain(error)
            else:
                if await self._serve(session) >= STABLE_SECONDS or session.useful:
                    tries = 1
                    self._told.clear()
                pause, reason = self._pause(tries, None), Reason(Code.SMSC_CLOSED)
            self._log_once(reason)
            await self._wait(pause, reason)

    def _log_once(self, reason: str) -> None:
        """Log the reason once until a session works again, since it is tried every few seconds."""
        if reason not in self._told:
            self._told.add(reason)
            options = self._options
            log.warning("%s at %s:%d: %s", self._kind, options.host, options.port, reason)

    async def _bound(self, listener: Listener) -> Session:
        loop, options = asyncio.get_running_loop(), self._options
        async with asyncio.timeout(options.connect_timeout):
            _, session = await loop.create_connection(
                lambda: Session(listener),
                options.host,
                options.port,
                ssl=options.tls,
                server_hostname=options.host if options.tls else None,
            )
            try:
                await session.bind(self._kind, options.body)
            except BaseException:
                session.abort()
                raise
        return session

    async def _serve(self, session: Session) -> float:
        """Wait until the session is lost; return for how many seconds it was bound."""
        loop = asyncio.get_running_loop()
        self._session, bound_at = session, loop.time()
        self._is_refused = False
        await self._announce("", 0.0)
        options = self._options
        probe = asyncio.create_task(session.probe(options.enquire_link, options.connect_timeout))
        try:
            await asyncio.shield(session.lost)
            return loop.time() - bound_at
        finally:
            probe.cancel()
            await asyncio.gather(probe, return_exceptions=True)

    async def _wait(self, pause: float, reason: str) -> None:
        await self._announce(reason, pause)
        await asyncio.sleep(pause)
        await self._announce("", 0.0)

    async def _announce(self, failure: str, pause: float) -> None:
        async with self._changed:
            self._failure = failure
            self._next_try = asyncio.get_running_loop().time() + pause
            self._changed.notify_all()

    def _pause(self, tries: int, error: Exception | None) -> float:
        least, most = self._options.least_pause, self._options.most_pause
        pause = min(most, least * 2.0 ** (min(tries, 20) - 1))
        self._is_refused = isinstance(error, BindRefused) and _is_account_error(error)
        if self._is_refused:
            pause = max(pause, min(ACCOUNT_PAUSE, most))
        return pause * jitter.between(0.75, 1.25)


def _is_account_error(error: BindRefused) -> bool:
    return NAMES.get(error.status, ("", None))[1] is ErrorClass.ACCOUNT or error.status == 0x03


def _explain(error: Exception) -> str:
    if isinstance(error, BindRefused):
        if NAMES.get(error.status, ("", None))[1] is ErrorClass.ACCOUNT:
            return account_refused(str(error)).reason
        advice = "; the SMSC wants bind=transmitter+receiver" if error.status == 0x03 else ""
        return Reason(Code.BIND_REFUSED, text=f"{error}{advice}")
    if isinstance(error, ConnectionLost):
        return Reason(Code.SMSC_CLOSED_AT_BIND)
    if isinstance(error, TimeoutError):
        return Reason(Code.SMSC_CONNECT_TIMEOUT)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reason(Code.SMSC_CERTIFICATE_UNTRUSTED)
    why = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        why = reason_of_errno(error.errno, error.strerror)
    return Reason(Code.SMSC_NO_CONNECTION, reason=why)
