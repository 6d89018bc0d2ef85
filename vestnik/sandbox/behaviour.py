"""The gateway's behaviour: which action each message meets, by number, by queue or by chance."""

import random
from collections import deque
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """The action that the gateway takes for one message."""

    ACCEPT = "accept"
    # Not accepted:
    REFUSE = "refuse"  # a permanent refusal
    THROTTLE = "throttle"  # 429 with Retry-After, ESME_RTHROTTLED
    FORBID = "forbid"  # 403, ESME_RINVSYSID: the account is refused
    FAIL = "fail"  # 500, ESME_RSYSERR
    DROP = "drop"  # the connection is closed without an answer
    # Accepted, although the answer does not say so:
    TAKE_AND_FAIL = "take_and_fail"  # 500, ESME_RUNKNOWNERR
    TAKE_AND_DROP = "take_and_drop"  # the connection is closed without an answer
    TAKE_AND_HANG = "take_and_hang"  # no answer
    TAKE_AND_BABBLE = "take_and_babble"  # an answer that is not of the API


TAKING = frozenset({Action.ACCEPT, *(act for act in Action if act.startswith("take"))})


@dataclass
class Behaviour:
    """The settings, which the control API changes by the same names. Times are in seconds.

    `numbers` maps phone numbers to the action for all their messages; it takes precedence. `once`
    is a queue of actions for the next messages. `percent` maps actions to their share of all other
    messages; the rest is accepted. With `decimal_receipts`, receipts by SMPP have the hexadecimal
    ids of the answers in decimal, as those of some SMSCs.
    """

    delay: float = 0.0
    percent: dict[Action, float] = field(default_factory=dict)
    once: deque[Action] = field(default_factory=deque)
    numbers: dict[str, Action] = field(default_factory=dict)
    retry_after: float = 1.0
    deduplicates: bool = False
    receipts: bool = False
    receipt_delay: float = 0.0
    receipts_doubled: float = 0.0
    undelivered: float = 0.0
    decimal_receipts: bool = False
    callback_url: str = ""
    seed: int | None = None

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  (not a secret)

    def act(self, phone_number: str = "") -> Action:
        """Return the action for the next message, which is to that number."""
        if self.numbers and phone_number in self.numbers:
            return self.numbers[phone_number]
        if self.once:
            return self.once.popleft()
        if not self.percent:
            return Action.ACCEPT
        drawn = self._chance.uniform(0, 100)
        for act, share in self.percent.items():
            drawn -= share
            if drawn < 0:
                return act
        return Action.ACCEPT

    def happens(self, percent: float) -> bool:
        return percent > 0 and self._chance.uniform(0, 100) < percent

    def change(self, changes: dict[str, Any]) -> None:
        """Change some settings. Raises ValueError for an unknown name or action."""
        for name, value in changes.items():
            if name not in SETTINGS:
                raise ValueError(f"{name!r} is not one of {', '.join(sorted(SETTINGS))}")
            setattr(self, name, _typed(name, value))
        if "seed" in changes:
            self.__post_init__()

    def as_dict(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value := getattr(self, name), deque) else value
            for name in sorted(SETTINGS)
        }


SETTINGS = {item.name: item for item in fields(Behaviour)}


def _typed(name: str, value: Any) -> Any:
    if name == "percent":
        return {Action(act): float(share) for act, share in dict(value).items()}
    if name == "numbers":
        return {str(number): Action(act) for number, act in dict(value).items()}
    if name == "once":
        return deque(Action(act) for act in value)
    if name in ("deduplicates", "receipts", "decimal_receipts"):
        return bool(value)
    if name == "callback_url":
        return str(value)
    return value if value is None else (int if name == "seed" else float)(value)
