"""The processes: Celery tasks, periodic jobs, worker processes."""
