"""Places that many machines see: a database or an object store, as the few operations that a shared
state needs.

It may import `model` and `common`. Begin with `port`; each place is one module that implements it
and the only one that imports its library.
"""
