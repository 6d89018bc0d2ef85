"""Live pages: one query a second serves all viewers of a topic, over all processes.

topics → what can be watched, and how it is rendered
shared_cache → one query a second over all processes, by way of Redis
broadcast → one thread per topic and process, which wakes all streams
stream → server-sent events, or one answer for clients that poll
"""
