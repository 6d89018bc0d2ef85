"""Pages that move: what is shown is looked at once a second for all who watch, wherever they are.

topics → what there is to watch, and how it is written
shared → one look a second over all processes, by way of Redis
broadcast → one thread a topic and process, which wakes all streams
stream → server-sent events, or one answer for those who ask again and again
"""
