"""From a due mailing to messages on record: launch → enlist → claim → send → record → close.

PostgreSQL is the truth; a Celery message is only a wake-up that says where to look.
"""
