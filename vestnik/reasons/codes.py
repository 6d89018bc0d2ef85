"""The codes of reasons: what the database, the API and the program itself know a reason by."""

from enum import StrEnum


class Code(StrEnum):
    """Why something is as it is. A code, once it was answered by the API, keeps its meaning."""

    # Text of another's that is in no catalogue: a gateway's words, or those of an older version.
    OTHER = "other"

    # Messages: the pipeline
    STOP_LIST = "stop_list"
    NO_SMS = "no_sms"
    NO_VALUE = "no_value"
    TOO_LONG = "too_long"
    EMPTY_TEXT = "empty_text"
    EARLIER_ATTEMPT = "earlier_attempt"
    CLIENT_DELETED = "client_deleted"
    HOURS_NEVER_OPEN = "hours_never_open"
    WORKER_STOPPED = "worker_stopped"
    GIVEN_UP = "given_up"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    RESENT = "resent"
    MAILING_ENDED = "mailing_ended"

    # Mailings and what was done to them
    SLOW_DATABASE = "slow_database"
    WINDOW_MISSED = "window_missed"
    AUDIENCE_FAILED = "audience_failed"
    PROVIDER_MISSING = "provider_missing"
    MANY_REFUSED = "many_refused"
    NEW_TEXT = "new_text"
    FIELDS_CHANGED = "fields_changed"
    UNKNOWN_MESSAGES = "unknown_messages"
    TEST_NUMBERS = "test_numbers"
    SENT_AGAIN_BY = "sent_again_by"
    SENDS_AGAIN = "sends_again"

    # Any provider
    NO_ANSWER_WITHIN = "no_answer_within"
    PROVIDER_ERROR = "provider_error"
    STANDARD_OUTPUT = "standard_output"
    PROVIDER_TEXT_TOO_LONG = "provider_text_too_long"
    GATEWAY_CODE = "gateway_code"
    GATEWAY_SAID = "gateway_said"
    GATEWAY_WORDS = "gateway_words"
    GATEWAY_REFUSED = "gateway_refused"
    ACCOUNT_REFUSED = "account_refused"
    ACCOUNT_REFUSED_BECAUSE = "account_refused_because"
    ASKS_TO_WAIT = "asks_to_wait"

    # Over HTTP
    NAME_NOT_RESOLVED = "name_not_resolved"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    TLS_FAILED = "tls_failed"
    CONNECT_TIMEOUT = "connect_timeout"
    ANSWER_TIMEOUT = "answer_timeout"
    CONNECTION_CLOSED = "connection_closed"
    ANSWER_TOO_LONG = "answer_too_long"
    ANSWER_CUT = "answer_cut"
    ANSWER_NOT_HTTP = "answer_not_http"
    EARLY_ANSWER = "early_answer"
    NO_CONNECTION = "no_connection"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_ERROR = "connection_error"
    FOREIGN_ANSWER = "foreign_answer"
    OTHER_MESSAGE = "other_message"
    NO_MESSAGE_ID = "no_message_id"
    UNREADABLE_ANSWER = "unreadable_answer"
    NO_TOKEN = "no_token"  # noqa: S105  (not a secret)
    NO_TOKEN_GIVEN = "no_token_given"  # noqa: S105
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    STATUS_UNKNOWN = "status_unknown"
    STATUS_NOT_FINAL = "status_not_final"

    # Over SMPP
    PARTS_TAKEN = "parts_taken"
    SMSC_REFUSED = "smsc_refused"
    SMSC_ANSWERED = "smsc_answered"
    NOT_OPEN = "not_open"
    SMSC_CLOSED = "smsc_closed"
    SMSC_CLOSED_AT_BIND = "smsc_closed_at_bind"
    SMSC_CONNECT_TIMEOUT = "smsc_connect_timeout"
    SMSC_CERTIFICATE_UNTRUSTED = "smsc_certificate_untrusted"
    SMSC_NO_CONNECTION = "smsc_no_connection"
    BIND_REFUSED = "bind_refused"

    # The vendor SMSC.ru
    PARAMETER_WRONG = "parameter_wrong"
    LOGIN_WRONG = "login_wrong"
    NO_MONEY = "no_money"
    ADDRESS_BLOCKED = "address_blocked"
    DATE_FORMAT_WRONG = "date_format_wrong"
    TEXT_FORBIDDEN = "text_forbidden"
    NUMBER_FORMAT_WRONG = "number_format_wrong"
    NUMBER_UNDELIVERABLE = "number_undeliverable"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNKNOWN_ERROR = "unknown_error"
    SPAM = "spam"
    DELIVERY_IMPOSSIBLE = "delivery_impossible"
    WRONG_NUMBER = "wrong_number"
    OPERATOR_FORBIDS = "operator_forbids"
    NUMBER_UNAVAILABLE = "number_unavailable"

    # Receipts: words of SMPP 3.4, appendix B
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    NETWORK_REJECTED = "network_rejected"
    PROVIDER_DELETED = "provider_deleted"
    RECEIPT_ERROR = "receipt_error"
    RECEIPT_WITHOUT_ERROR = "receipt_without_error"
    NETWORK_ERROR = "network_error"
    NO_NETWORK_ERROR = "no_network_error"
