"""What each command_status of a `submit_sm_resp` means for the message.

Sources: SMPP 3.4, 5.1.3 for the names; Kannel's `gw/smsc/smsc_smpp.c` for the temporary ones
(0x08, 0x14, 0x58, 0x64: its whole list). An error means that the SMSC did not take the message
(4.4.2: no message_id is returned), except where the code does not say what happened: 0xFF and
all that vendors and other versions add are in doubt, unless an option names them.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options


class Meaning(Enum):
    """For the message that was refused."""

    PERMANENT = auto()
    TEMPORARY = auto()
    #: Too much at once: the whole connection pauses.
    THROTTLED = auto()
    #: Nothing goes out until the account or its setting is mended.
    ACCOUNT = auto()
    #: The SMSC does not know this session, or not for sending: it must be bound anew.
    UNBOUND = auto()
    AMBIGUOUS = auto()


NAMES: dict[int, tuple[str, Meaning]] = {
    0x01: ("ESME_RINVMSGLEN", Meaning.PERMANENT),
    0x02: ("ESME_RINVCMDLEN", Meaning.PERMANENT),
    0x03: ("ESME_RINVCMDID", Meaning.PERMANENT),
    0x04: ("ESME_RINVBNDSTS", Meaning.UNBOUND),
    0x05: ("ESME_RALYBND", Meaning.TEMPORARY),
    0x06: ("ESME_RINVPRTFLG", Meaning.PERMANENT),
    0x07: ("ESME_RINVREGDLVFLG", Meaning.PERMANENT),
    0x08: ("ESME_RSYSERR", Meaning.TEMPORARY),
    0x0A: ("ESME_RINVSRCADR", Meaning.PERMANENT),
    0x0B: ("ESME_RINVDSTADR", Meaning.PERMANENT),
    0x0C: ("ESME_RINVMSGID", Meaning.PERMANENT),
    0x0D: ("ESME_RBINDFAIL", Meaning.TEMPORARY),
    0x0E: ("ESME_RINVPASWD", Meaning.ACCOUNT),
    0x0F: ("ESME_RINVSYSID", Meaning.ACCOUNT),
    0x14: ("ESME_RMSGQFUL", Meaning.THROTTLED),
    0x15: ("ESME_RINVSERTYP", Meaning.PERMANENT),
    0x33: ("ESME_RINVNUMDESTS", Meaning.PERMANENT),
    0x34: ("ESME_RINVDLNAME", Meaning.PERMANENT),
    0x40: ("ESME_RINVDESTFLAG", Meaning.PERMANENT),
    0x42: ("ESME_RINVSUBREP", Meaning.PERMANENT),
    0x43: ("ESME_RINVESMCLASS", Meaning.PERMANENT),
    0x44: ("ESME_RCNTSUBDL", Meaning.PERMANENT),
    0x45: ("ESME_RSUBMITFAIL", Meaning.TEMPORARY),
    0x48: ("ESME_RINVSRCTON", Meaning.PERMANENT),
    0x49: ("ESME_RINVSRCNPI", Meaning.PERMANENT),
    0x50: ("ESME_RINVDSTTON", Meaning.PERMANENT),
    0x51: ("ESME_RINVDSTNPI", Meaning.PERMANENT),
    0x53: ("ESME_RINVSYSTYP", Meaning.ACCOUNT),
    0x54: ("ESME_RINVREPFLAG", Meaning.PERMANENT),
    0x55: ("ESME_RINVNUMMSGS", Meaning.PERMANENT),
    0x58: ("ESME_RTHROTTLED", Meaning.THROTTLED),
    0x61: ("ESME_RINVSCHED", Meaning.PERMANENT),
    0x62: ("ESME_RINVEXPIRY", Meaning.PERMANENT),
    0x63: ("ESME_RINVDFTMSGID", Meaning.PERMANENT),
    0x64: ("ESME_RX_T_APPN", Meaning.TEMPORARY),
    0x65: ("ESME_RX_P_APPN", Meaning.PERMANENT),
    0x66: ("ESME_RX_R_APPN", Meaning.PERMANENT),
    0xC0: ("ESME_RINVOPTPARSTREAM", Meaning.PERMANENT),
    0xC1: ("ESME_ROPTPARNOTALLWD", Meaning.PERMANENT),
    0xC2: ("ESME_RINVPARLEN", Meaning.PERMANENT),
    0xC3: ("ESME_RMISSINGOPTPARAM", Meaning.PERMANENT),
    0xC4: ("ESME_RINVOPTPARAMVAL", Meaning.PERMANENT),
    0xFE: ("ESME_RDELIVERYFAILURE", Meaning.PERMANENT),
    0xFF: ("ESME_RUNKNOWNERR", Meaning.AMBIGUOUS),
    0x104: ("ESME_RINVDCS", Meaning.PERMANENT),
}
OPTIONS = {
    "permanent_statuses": Meaning.PERMANENT,
    "temporary_statuses": Meaning.TEMPORARY,
    "throttling_statuses": Meaning.THROTTLED,
    "ambiguous_statuses": Meaning.AMBIGUOUS,
}


def name_of(status: int) -> str:
    return NAMES[status][0] if status in NAMES else f"0x{status:08X}"


def meanings(given: Options) -> Mapping[int, Meaning]:
    """The table, as this provider's options change it: `temporary_statuses=0x45,0x400`."""
    table = {status: meaning for status, (_, meaning) in NAMES.items()}
    for option, meaning in OPTIONS.items():
        table |= dict.fromkeys(_numbers(option, given.words(option)), meaning)
    return table


def _numbers(option: str, words: Iterable[str]) -> list[int]:
    try:
        return [int(word, 0) for word in words]
    except ValueError as error:
        raise OptionError(option, f"is not a list of numbers: {error}") from None
