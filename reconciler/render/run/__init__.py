"""A run while it goes on and at its end: the live view, plain lines, events as JSON.

It may import what `render` may.
Begin with `progress`.
"""
