"""The numbers of all advisory locks, with what their holder does.

A database has one space of numbers for advisory locks, so all are defined here. Processes of the
previous version hold the same numbers, so a number never changes its meaning.
`api/http/idempotency.py` also hashes its keys into that space.
"""

#: Set up the database: migrations, the first accounts.
SETUP_LOCK = 7_641_209
#: Launch mailings, rescue leases, wake dispatchers: one process at a time.
SCHEDULER_LOCK = 0x7469636B
#: The scheduler's slower steps, one process at a time.
MAINTENANCE_LOCK = 0x63686F72
#: Take back the messages of numbers that were put on the stop list.
STOP_LIST_SWEEP_LOCK = 0x76737770
#: Shared: enlist a chunk. Exclusive: erase a client, whom no chunk may read meanwhile.
ENLISTING_LOCK = 0x76657374
#: Render the texts of one mailing again; the mailing's id is added.
TEXT_RENEWAL_LOCK = 0x7465_7874_0000_0000
#: Query the status of one provider's messages; the CRC-32 of its alias is the lower half.
STATUS_POLL_LOCK = 0x61736B << 32
#: Sample the counts of running mailings.
SAMPLING_LOCK = 0x73616D70
#: Read one uploaded file: the first key of a pair; the second is the id of its import.
IMPORT_LOCK = 0x76696D70
#: Choose and read the next uploaded file.
IMPORT_TURN_LOCK = 0x76697475
#: Move staged rows into the tables of clients or of the stop list.
IMPORT_COMMIT_LOCK = 0x766E696D
#: Load the numbering register.
NUMBERING_LOCK = 0x766E7564
