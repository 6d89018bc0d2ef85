"""Every advisory lock: its number, and what is done while it is held.

PostgreSQL has one space of numbers for all of a database's advisory locks, so they are all here.
Processes of the version before hold the same numbers: a number never changes its meaning.
`api/http/idempotency.py` alone hashes its keys into that space.
"""

#: Set the database up: migrations, the first accounts.
SETUP_LOCK = 7_641_209
#: Launch mailings, look after leases, wake dispatchers: one process at a time.
SCHEDULER_LOCK = 0x7469636B
#: The scheduler's slower steps, one process at a time.
MAINTENANCE_LOCK = 0x63686F72
#: Revoke the messages of numbers that came onto the stop list.
STOP_LIST_SWEEP_LOCK = 0x76737770
#: Shared: enlist a chunk. Exclusive: erase a client, who must not be read by a chunk meanwhile.
ENLISTING_LOCK = 0x76657374
#: Renew the texts of one mailing; its id is added.
TEXT_RENEWAL_LOCK = 0x7465_7874_0000_0000
#: Ask one provider what became of messages; a checksum of its alias is the lower half.
STATUS_POLL_LOCK = 0x61736B << 32
#: Sample the counts of running mailings.
SAMPLING_LOCK = 0x73616D70
#: Read one uploaded file; with the id of its import.
IMPORT_LOCK = 0x76696D70
#: Take the next uploaded file that waits.
IMPORT_TURN_LOCK = 0x76697475
#: Move staged rows into the tables of clients or of the stop list.
IMPORT_COMMIT_LOCK = 0x766E696D
#: Load the numbering register.
NUMBERING_LOCK = 0x766E7564
