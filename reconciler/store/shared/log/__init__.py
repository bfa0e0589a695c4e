"""The log of a shared state: its keys, the form of its objects, what they mean, reading and
appending.

It may import `model`, `common` and the rest of `store`. Begin with `log_format`.
"""
