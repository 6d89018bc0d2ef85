"""The statements that move messages and batches between states, each by its name.

One shape: which batches, locked first and in order; which of their messages, by the states that
they are in; what they become; and how the batches' counts follow, by `counts`.
"""
