"""The meaning of each command_status of a `submit_sm_resp`.

Sources: SMPP 3.4, 5.1.3 for the names; Kannel's `gw/smsc/smsc_smpp.c` for the temporary ones (0x08,
0x14, 0x58, 0x64: its whole list). An error means that the SMSC did not take the message (4.4.2: no
message_id is returned). The exceptions do not say what happened: 0xFF, and codes of vendors and
other versions, are ambiguous unless an option lists them.
"""

from collections.abc import Iterable, Mapping

from vestnik.providers.errors import OptionError
from vestnik.providers.options import Options
from vestnik.providers.outcomes import ErrorClass

NAMES: dict[int, tuple[str, ErrorClass]] = {
    0x01: ("ESME_RINVMSGLEN", ErrorClass.PERMANENT),
    0x02: ("ESME_RINVCMDLEN", ErrorClass.PERMANENT),
    0x03: ("ESME_RINVCMDID", ErrorClass.PERMANENT),
    0x04: ("ESME_RINVBNDSTS", ErrorClass.UNBOUND),
    0x05: ("ESME_RALYBND", ErrorClass.TEMPORARY),
    0x06: ("ESME_RINVPRTFLG", ErrorClass.PERMANENT),
    0x07: ("ESME_RINVREGDLVFLG", ErrorClass.PERMANENT),
    0x08: ("ESME_RSYSERR", ErrorClass.TEMPORARY),
    0x0A: ("ESME_RINVSRCADR", ErrorClass.PERMANENT),
    0x0B: ("ESME_RINVDSTADR", ErrorClass.PERMANENT),
    0x0C: ("ESME_RINVMSGID", ErrorClass.PERMANENT),
    0x0D: ("ESME_RBINDFAIL", ErrorClass.TEMPORARY),
    0x0E: ("ESME_RINVPASWD", ErrorClass.ACCOUNT),
    0x0F: ("ESME_RINVSYSID", ErrorClass.ACCOUNT),
    0x14: ("ESME_RMSGQFUL", ErrorClass.THROTTLED),
    0x15: ("ESME_RINVSERTYP", ErrorClass.PERMANENT),
    0x33: ("ESME_RINVNUMDESTS", ErrorClass.PERMANENT),
    0x34: ("ESME_RINVDLNAME", ErrorClass.PERMANENT),
    0x40: ("ESME_RINVDESTFLAG", ErrorClass.PERMANENT),
    0x42: ("ESME_RINVSUBREP", ErrorClass.PERMANENT),
    0x43: ("ESME_RINVESMCLASS", ErrorClass.PERMANENT),
    0x44: ("ESME_RCNTSUBDL", ErrorClass.PERMANENT),
    0x45: ("ESME_RSUBMITFAIL", ErrorClass.TEMPORARY),
    0x48: ("ESME_RINVSRCTON", ErrorClass.PERMANENT),
    0x49: ("ESME_RINVSRCNPI", ErrorClass.PERMANENT),
    0x50: ("ESME_RINVDSTTON", ErrorClass.PERMANENT),
    0x51: ("ESME_RINVDSTNPI", ErrorClass.PERMANENT),
    0x53: ("ESME_RINVSYSTYP", ErrorClass.ACCOUNT),
    0x54: ("ESME_RINVREPFLAG", ErrorClass.PERMANENT),
    0x55: ("ESME_RINVNUMMSGS", ErrorClass.PERMANENT),
    0x58: ("ESME_RTHROTTLED", ErrorClass.THROTTLED),
    0x61: ("ESME_RINVSCHED", ErrorClass.PERMANENT),
    0x62: ("ESME_RINVEXPIRY", ErrorClass.PERMANENT),
    0x63: ("ESME_RINVDFTMSGID", ErrorClass.PERMANENT),
    0x64: ("ESME_RX_T_APPN", ErrorClass.TEMPORARY),
    0x65: ("ESME_RX_P_APPN", ErrorClass.PERMANENT),
    0x66: ("ESME_RX_R_APPN", ErrorClass.PERMANENT),
    0xC0: ("ESME_RINVOPTPARSTREAM", ErrorClass.PERMANENT),
    0xC1: ("ESME_ROPTPARNOTALLWD", ErrorClass.PERMANENT),
    0xC2: ("ESME_RINVPARLEN", ErrorClass.PERMANENT),
    0xC3: ("ESME_RMISSINGOPTPARAM", ErrorClass.PERMANENT),
    0xC4: ("ESME_RINVOPTPARAMVAL", ErrorClass.PERMANENT),
    0xFE: ("ESME_RDELIVERYFAILURE", ErrorClass.PERMANENT),
    0xFF: ("ESME_RUNKNOWNERR", ErrorClass.AMBIGUOUS),
    0x104: ("ESME_RINVDCS", ErrorClass.PERMANENT),
}
OPTIONS = {
    "permanent_statuses": ErrorClass.PERMANENT,
    "temporary_statuses": ErrorClass.TEMPORARY,
    "throttling_statuses": ErrorClass.THROTTLED,
    "ambiguous_statuses": ErrorClass.AMBIGUOUS,
}


def name_of(status: int) -> str:
    return NAMES[status][0] if status in NAMES else f"0x{status:08X}"


def error_classes(options: Options) -> Mapping[int, ErrorClass]:
    """Return the table with this provider's options applied: `temporary_statuses=0x45,0x400`."""
    table = {status: error_class for status, (_, error_class) in NAMES.items()}
    for option, error_class in OPTIONS.items():
        table |= dict.fromkeys(_numbers(option, options.words(option)), error_class)
    return table


def _numbers(option: str, words: Iterable[str]) -> list[int]:
    try:
        return [int(word, 0) for word in words]
    except ValueError as error:
        raise OptionError(option, f"is not a list of numbers: {error}") from None
