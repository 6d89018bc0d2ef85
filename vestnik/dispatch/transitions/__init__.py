"""The SQL statements that move messages and batches between states, one module for each move.

All statements have one shape: lock the batches in the order of their ids, select their messages by
state, update the messages, and update the batches' counts (see `counts`).
"""
