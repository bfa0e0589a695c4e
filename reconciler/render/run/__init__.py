"""A run in progress and at its end: the live view, plain lines, events as JSON.

It may import what `render` may.
Begin with `progress`.
"""
