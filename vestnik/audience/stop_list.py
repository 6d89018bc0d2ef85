"""The stop list: numbers to which nothing is ever sent.

An entry outlives its client. After an erasure it holds only a keyed hash of the number, by which
the number is recognised when it is entered again.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from contextlib import suppress

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from vestnik.audience.phone import validate_phone_number
from vestnik.db import sql
from vestnik.reasons.reason import Reason

PURPOSE = b"vestnik stop list"
LONGEST_REASON = 200
#: How often entries are inserted again after another transaction inserted one of them.
TRIES = 5
#: The block size of SHA-256 in bytes, which HMAC pads its key to (RFC 2104).
BLOCK = 64

#: hash_of() as an SQL expression, where {number} is the column of the phone number; see `pads`.
HASH_OF = "encode(sha256(%s || sha256(%s || convert_to({number}, 'UTF8'))), 'hex')"

# An erased entry gets its number back. In the order of the numbers, like every bulk write, so that
# none of them deadlock.
PUT = """
INSERT INTO audience_stoplistentry (phone_number, phone_hash, reason, reason_details, source)
SELECT given.phone_number, given.phone_hash, %s, %s::jsonb, %s
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
ORDER BY 1
ON CONFLICT (phone_hash) DO UPDATE SET phone_number = excluded.phone_number, changed_in = DEFAULT
WHERE audience_stoplistentry.phone_number IS NULL
"""

# An entry of another SECRET_KEY is found by its number and hashed again; otherwise its own unique
# number would block it.
REHASH = """
UPDATE audience_stoplistentry s SET phone_hash = given.phone_hash
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE s.phone_number = given.phone_number AND s.phone_hash <> given.phone_hash
"""

# A number that was erased under this SECRET_KEY, and stopped again under another, has two entries.
# The one with the number stays and takes over the hash, which is unique.
DELETE_DUPLICATES = """
DELETE FROM audience_stoplistentry e
USING unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE e.phone_number IS NULL AND e.phone_hash = given.phone_hash
    AND EXISTS (SELECT FROM audience_stoplistentry s WHERE s.phone_number = given.phone_number)
"""

# The unique index holds nulls too, so this finds erased entries by it.
ANY_ERASED = "SELECT EXISTS (SELECT FROM audience_stoplistentry WHERE phone_number IS NULL)"
#: `changed_in` marks the entry as new, so that workers see it.
RECALL = """
UPDATE audience_stoplistentry s SET phone_number = given.phone_number, changed_in = DEFAULT
FROM unnest(%s::text[], %s::text[]) AS given(phone_number, phone_hash)
WHERE s.phone_number IS NULL AND s.phone_hash = given.phone_hash
"""


def key() -> bytes:
    """Return the key of the hashes; with another SECRET_KEY erased numbers are not recognised."""
    return hmac.digest(settings.SECRET_KEY.encode(), PURPOSE, hashlib.sha256)


def hash_of(phone_number: str) -> str:
    """Return the keyed hash of a number; without the key it cannot be reversed by guessing."""
    return hmac.new(key(), phone_number.encode(), hashlib.sha256).hexdigest()


def pads() -> tuple[bytes, bytes]:
    """Return the parameters of HASH_OF: the outer and the inner key of HMAC (RFC 2104)."""
    padded = key().ljust(BLOCK, b"\0")
    return bytes(byte ^ 0x5C for byte in padded), bytes(byte ^ 0x36 for byte in padded)


def put(numbers: Iterable[str], source: str, reason: str = "") -> int:
    """Put numbers on the list, with a `Reason` or a user's words; return how many are new."""
    data = reason.json if isinstance(reason, Reason) else None
    unique_numbers = sorted(set(numbers))
    hashes = [hash_of(number) for number in unique_numbers]
    sql.run(DELETE_DUPLICATES, [unique_numbers, hashes])
    sql.run(REHASH, [unique_numbers, hashes])
    return insert_entries(PUT, [str(reason), data, source, unique_numbers, hashes])


def insert_entries(statement: str, parameters: Sequence[object]) -> int:
    """Run a statement that puts numbers on the list; return how many are new or entered again.

    Its ON CONFLICT names the hash. A transaction that puts the same new number on the list at the
    same moment may be met at the index of the numbers instead, which is an error. Its entry is
    committed by then, so the next try finds it by the hash.
    """
    for _ in range(TRIES):
        with suppress(IntegrityError), transaction.atomic():
            return sql.run(statement, parameters).rowcount
    return sql.run(statement, parameters).rowcount


def is_number(phone_number: str) -> Q:
    """Return the condition that finds the entry of a number, erased or not."""
    return Q(phone_number=phone_number) | Q(phone_hash=hash_of(phone_number))


def any_erased() -> bool:
    """Return whether any entry is erased."""
    return bool(sql.value(ANY_ERASED))


def recall(numbers: Iterable[str]) -> None:
    """Restore the numbers of erased entries whose numbers are entered again."""
    if any_erased():
        unique_numbers = sorted(set(numbers))
        hashes = [hash_of(number) for number in unique_numbers]
        sql.run(DELETE_DUPLICATES, [unique_numbers, hashes])
        sql.run(RECALL, [unique_numbers, hashes])


def erase(phone_number: str) -> bool:
    """Replace a number by its hash; return whether it was on the list."""
    hashed = hash_of(phone_number)
    sql.run(DELETE_DUPLICATES, [[phone_number], [hashed]])
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
    """The id of the current transaction.

    Ids are assigned before commits, so a greater one may become visible earlier.
    """

    template = "(pg_current_xact_id()::text)::bigint"
    arity = 0
    output_field = models.BigIntegerField()


class StopListEntry(models.Model):
    """A number to which nothing is sent; once erased, only its hash."""

    phone_number = models.CharField(
        max_length=11, unique=True, null=True, validators=[validate_phone_number]
    )
    phone_hash = models.CharField(max_length=64, unique=True, editable=False)
    reason = models.CharField(max_length=LONGEST_REASON, blank=True, default="")
    #: The reason's data, if the service created the entry.
    reason_details = models.JSONField(null=True, editable=False)
    source = models.CharField(max_length=7, choices=Source.choices)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    #: The transaction that wrote the number; null for an entry of an earlier version.
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
        """The reason of the entry."""
        return Reason.stored(self.reason, self.reason_details)
