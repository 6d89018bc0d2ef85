"""Conditions on earlier mailings: who got one, who did not, who answered.

`{"mailings": {"got": [12], "not_got": [12, 13], "answered": [12]}}` selects clients who got or
answered any of the named mailings, and none of those under `not_got`.

The tables belong to layers above, so only SQL names them; their states are in `vestnik.states`. A
message is found by the unique index of
its mailing and client; PostgreSQL turns that into a join for many clients.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

from vestnik.db.keyset import MAX_ID
from vestnik.db.sql import literals
from vestnik.states import UNDER_WAY, BatchState, MessageState

WORDS = ("got", "not_got", "answered")
#: Each mailing of a condition is one probe of an index per client.
MOST_MAILINGS = 20

#: The messages of the named mailings to the client of the outer query.
THEIRS = """
FROM dispatch_message earlier {join}
WHERE earlier.mailing_id = ANY(%s::bigint[]) AND earlier.client_id = "audience_client"."id"
"""
#: States in which the client got the message, and in which they may have got it.
REACHED = (MessageState.SENT, MessageState.DELIVERED)
PERHAPS_REACHED = (*REACHED, MessageState.UNKNOWN)
GOT = f"EXISTS (SELECT {THEIRS.format(join='')} AND earlier.state IN {literals(REACHED)})"

# A client whose message is unknown, queued or in flight may have got it, or still may, and does not
# count as "not got".
NOT_GOT = f"""
NOT EXISTS (SELECT {THEIRS.format(join='JOIN mailings_mailing g ON g.id = earlier.mailing_id')}
    AND (earlier.state IN {literals(PERHAPS_REACHED)} OR earlier.state = '{MessageState.QUEUED}'
        AND (g.state IN {literals(UNDER_WAY)} OR earlier.id IN (
            SELECT unnest(in_flight) FROM dispatch_batch WHERE state = '{BatchState.CLAIMED}'
        )))
)
"""
#: An answer is an inbound message that came after the client's message had left.
ANSWERED = f"""
EXISTS (SELECT {THEIRS.format(join='''
    JOIN dispatch_inboundtext heard ON heard.phone_number = earlier.phone_number
        AND heard.received_at >= earlier.sent_at''')}
)
"""
STATEMENTS = {"got": GOT, "not_got": NOT_GOT, "answered": ANSWERED}
KNOWN = "SELECT id FROM mailings_mailing WHERE id = ANY(%s::bigint[])"


def mailing_condition(mailings_by_word: Mapping[str, Sequence[int]]) -> Q:
    """Return the condition that a client got, did not get or answered mailings; never null."""
    selected = Q()
    for word, mailings in mailings_by_word.items():
        statement = RawSQL(  # noqa: S611  (a constant; values of users are its parameters)
            STATEMENTS[word], [list(mailings)], output_field=BooleanField()
        )
        selected &= Q(statement)
    return selected


def unknown_mailings(ids: Iterable[int]) -> list[int]:
    """Return the ids that belong to no mailing."""
    candidates = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [candidates])
        known = {id for (id,) in cursor.fetchall()}
    return [id for id in candidates if id not in known]


def is_mailing_id(value: object) -> bool:
    """Return whether the value could be the id of a mailing."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID
