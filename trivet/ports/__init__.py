"""The ports of the runtime: what it needs from the outside, as protocols.

Links, stores and observers are written against these, never against the runtime itself.
"""
