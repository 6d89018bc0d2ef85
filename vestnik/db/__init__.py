"""The connection to PostgreSQL, below everything else."""
