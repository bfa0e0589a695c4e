"""A pass of `watch` on the screen, as JSON, and as a notice.

It may import what `render` may. Begin with `watch_text`.
"""
