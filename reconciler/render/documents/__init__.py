"""JSON documents: the envelope that all of them have, and those that are not a plan.

It may import what `render` may.
Begin with `json_document`.
"""
