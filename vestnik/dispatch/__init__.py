"""The pipeline: launch → enlist → claim → send → record → close.

PostgreSQL is the source of truth. A Celery message is only a wake-up that names what to look at.
"""
