"""The console provider: prints a line on standard output for each message."""

import json
import sys
from collections.abc import Sequence

from vestnik.providers.base import (
    Accepted,
    Connection,
    OutboundMessage,
    Outcome,
    Provider,
    Sink,
    TooLate,
)
from vestnik.reasons.codes import Code
from vestnik.reasons.reason import Reason

PRINTED = Accepted()


class ConsoleProvider(Provider):
    """Prints messages; one counts as accepted once its line is written and flushed."""

    gives_receipts = False

    async def connect(self, sink: Sink) -> "ConsoleConnection":
        return ConsoleConnection(self)


class ConsoleConnection(Connection[ConsoleProvider]):
    """Writes to this process's standard output."""

    async def hand_over(self, message: OutboundMessage) -> Outcome:
        message.mark_departed()
        sys.stdout.write(line_of(message))
        sys.stdout.flush()
        return PRINTED

    async def hand_over_all(self, flight: Sequence[OutboundMessage]) -> list[Outcome | None]:
        return [await self._print(message) for message in flight]

    async def _print(self, message: OutboundMessage) -> Outcome | None:
        try:
            return await self.hand_over(message)
        except TooLate:
            return None
        except OSError as error:
            return message.deferred_or_unknown(
                Reason(Code.STANDARD_OUTPUT, text=str(error.strerror))
            )


def line_of(message: OutboundMessage) -> str:
    """Return the line: `SMS 79261234567 mailing=12 message=3456 text="…"`."""
    text = json.dumps(message.text, ensure_ascii=False)
    return (
        f"SMS {message.phone_number} mailing={message.mailing_id} "
        f"message={message.message_id} text={text}\n"
    )
