"""The stop list: numbers that must never be sent to.

An entry outlives its client. After an erasure it holds the number as a keyed hash alone, by which
the number is known again when somebody enters it.
"""

import hashlib
import hmac
from collections.abc import Iterable

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.audience.phone import validate_phone_number
from vestnik.reasons.reason import Reason

PURPOSE = b"vestnik stop list"
LONGEST_REASON = 200
BLOCK = 64

#: hash_of() inside a statement, where {number} is the phone number's column; see `pads`.
HASH_OF = "encode(sha256(%s || sha256(%s || convert_to({number}, 'UTF8'))), 'hex')"

# An erased entry gets its number back. In the order of the numbers, as all that writes many.
PUT = """
INSERT INTO audience_stoplistentry (phone_number, phone_hash, reason, reason_details, source)
SELECT given.phone_number, given.phone_hash, %s, %s::jsonb, %s
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
ORDER BY 1
ON CONFLICT (phone_hash) DO UPDATE SET phone_number = excluded.phone_number, changed_in = DEFAULT
WHERE audience_stoplistentry.phone_number IS NULL
"""

# What was put on the list under another SECRET_KEY is known by its number, and hashed anew: else it
# would be in the way of itself.
REHASH = """
UPDATE audience_stoplistentry s SET phone_hash = given.phone_hash
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE s.phone_number = given.phone_number AND s.phone_hash <> given.phone_hash
"""

# A number that was erased under this SECRET_KEY, and stopped again in clear under another, has two
# entries: the one in clear stays and gets the hash, which only one can have.
DELETE_DUPLICATES = """
DELETE FROM audience_stoplistentry e
USING unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE e.phone_number IS NULL AND e.phone_hash = given.phone_hash
    AND EXISTS (SELECT FROM audience_stoplistentry s WHERE s.phone_number = given.phone_number)
"""

# Erased entries are found by the unique index, which holds nulls too.
ANY_ERASED = "SELECT EXISTS (SELECT FROM audience_stoplistentry WHERE phone_number IS NULL)"
RECALL = """
UPDATE audience_stoplistentry s SET phone_number = given.phone_number, changed_in = DEFAULT
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE s.phone_number IS NULL AND s.phone_hash = given.phone_hash
"""


def key() -> bytes:
    """What the hashes are keyed by; with another SECRET_KEY no erased number is known again."""
    return hmac.digest(settings.SECRET_KEY.encode(), PURPOSE, hashlib.sha256)


def hash_of(phone_number: str) -> str:
    """The number as it may be kept after an erasure: without the key nobody can guess it back."""
    return hmac.new(key(), phone_number.encode(), hashlib.sha256).hexdigest()


def pads() -> tuple[bytes, bytes]:
    """The parameters of HASH_OF: the key as HMAC uses it, outside and inside."""
    padded = key().ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x5C for byte in padded), bytes(byte ^ 0x36 for byte in padded)


def put(numbers: Iterable[str], source: str, reason: str = "") -> int:
    """Put numbers on the list, for a `Reason` or words of somebody's own; how many were not on
    it."""
    data = reason.json if isinstance(reason, Reason) else None
    given = sorted(set(numbers))
    hashes = [hash_of(number) for number in given]
    with connection.cursor() as cursor:
        cursor.execute(DELETE_DUPLICATES, [given, hashes])
        cursor.execute(REHASH, [given, hashes])
        cursor.execute(PUT, [str(reason), data, source, given, hashes])
        return int(cursor.rowcount)


def is_number(phone_number: str) -> Q:
    """The entry of a number, in clear or erased."""
    return Q(phone_number=phone_number) | Q(phone_hash=hash_of(phone_number))


def any_erased() -> bool:
    """Whether some entry knows its number by the hash alone."""
    with connection.cursor() as cursor:
        cursor.execute(ANY_ERASED)
        return bool(cursor.fetchone()[0])


def recall(numbers: Iterable[str]) -> None:
    """Numbers that come in again after their erasure are stopped again, in clear."""
    if any_erased():
        given = sorted(set(numbers))
        hashes = [hash_of(number) for number in given]
        with connection.cursor() as cursor:
            cursor.execute(DELETE_DUPLICATES, [given, hashes])
            cursor.execute(RECALL, [given, hashes])


def erase(phone_number: str) -> bool:
    """Keep the hash alone of a number in clear; whether it was on the list."""
    hashed = hash_of(phone_number)
    with connection.cursor() as cursor:
        cursor.execute(DELETE_DUPLICATES, [[phone_number], [hashed]])
    entries = StopListEntry.objects.filter(phone_number=phone_number)
    return bool(
        entries.update(phone_number=None, phone_hash=hashed, reason="", reason_details=None)
    )


class Source(models.TextChoices):
    """How a number came onto the list."""

    API = "api", "API"
    PAGES = "pages", "The operator's pages"
    IMPORT = "import", "Import"
    INBOUND = "inbound", "The subscriber's own message"


class CurrentTransaction(models.Func):
    """The id of the transaction that evaluates the expression: ids are given before commits, so a
    greater one may be seen earlier."""

    template = "(pg_current_xact_id()::text)::bigint"
    arity = 0
    output_field = models.BigIntegerField()


class StopListEntry(models.Model):
    """A number that must never be sent to, in clear or, once erased, as its hash alone."""

    phone_number = models.CharField(
        max_length=11, unique=True, null=True, validators=[validate_phone_number]
    )
    phone_hash = models.CharField(max_length=64, unique=True, editable=False)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True, default="")
    #: Of one that the service has put there by itself.
    reason_details = models.JSONField(null=True, editable=False)
    source = models.CharField(max_length=7, choices=Source.choices)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: The transaction that wrote the number in clear; null where an earlier version did.
    changed_in = models.BigIntegerField(null=True, db_default=CurrentTransaction(), editable=False)

    class Meta:
        verbose_name_plural = "stop list entries"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["created_at"], name="stoplist_created_at"),
            models.Index(fields=["changed_in"], name="stoplist_changed_in"),
        ]
        constraints = [
            models.CheckConstraint(
                name="stoplist_phone_number_form",
                condition=Q(phone_number=None) | Q(phone_number__regex=r"^7[0-9]{10}$"),
            ),
            models.CheckConstraint(
                name="stoplist_phone_hash_form",
                condition=Q(phone_hash__regex=r"^[0-9a-f]{64}$"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}"

    @property
    def why(self) -> Reason | None:
        """Why it is there."""
        return Reason.stored(self.reason, self.reason_details)
