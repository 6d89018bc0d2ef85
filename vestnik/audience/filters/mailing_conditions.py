"""What a filter may ask about earlier mailings: who got one, who did not, who answered it.

`{"mailings": {"got": [12], "not_got": [12, 13], "answered": [12]}}`: those who got or answered any
of the mailings that are named, and none of those that they must not have got.

The tables are of layers above, so they are named here in SQL alone. A message is found by the
unique index of its mailing and client; PostgreSQL makes a join of it where many are looked at.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import connection
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL

WORDS = ("got", "not_got", "answered")
MOST_MAILINGS = 20
LARGEST_ID = 2**63 - 1

THEIRS = """
FROM dispatch_message earlier {join}
WHERE earlier.mailing_id = ANY(%s::bigint[]) AND earlier.client_id = "audience_client"."id"
"""
GOT = f"EXISTS (SELECT {THEIRS.format(join='')} AND earlier.state IN ('sent', 'delivered'))"

# Whoever may have got it, or still may, has not "not got" it: in doubt, waiting or in flight.
NOT_GOT = f"""
NOT EXISTS (SELECT {THEIRS.format(join='JOIN mailings_mailing g ON g.id = earlier.mailing_id')}
    AND (earlier.state IN ('sent', 'delivered', 'unknown') OR earlier.state = 'queued' AND (
        g.state IN ('running', 'paused') OR earlier.id IN (
            SELECT unnest(in_flight) FROM dispatch_batch WHERE state = 'claimed'
        )
    ))
)
"""
ANSWERED = f"""
EXISTS (SELECT {THEIRS.format(join='''
    JOIN dispatch_inboundtext heard ON heard.phone_number = earlier.phone_number
        AND heard.received_at >= earlier.sent_at''')}
)
"""
STATEMENTS = {"got": GOT, "not_got": NOT_GOT, "answered": ANSWERED}
KNOWN = "SELECT id FROM mailings_mailing WHERE id = ANY(%s::bigint[])"


def mailing_condition(wanted: Mapping[str, Sequence[int]]) -> Q:
    """Whether a client got, did not get or answered these mailings; never null."""
    selected = Q()
    for word, mailings in wanted.items():
        # The statement is a constant of ours, and all that was given is a parameter.
        statement = RawSQL(  # noqa: S611
            STATEMENTS[word], [list(mailings)], output_field=BooleanField()
        )
        selected &= Q(statement)
    return selected


def unknown_mailings(ids: Iterable[int]) -> list[int]:
    """Those of the ids that no mailing has."""
    wanted = list(ids)
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [wanted])
        known = {id for (id,) in cursor.fetchall()}
    return [id for id in wanted if id not in known]


def is_mailing_id(value: object) -> bool:
    """Whether a mailing could have that number."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID
