"""The use cases: what `plan`, `apply`, `recover`, `adopt` and the other commands do, without
options and screens.

It may import everything except `cli`; what it needs of the outside comes through ports. Begin with
`plan`, `apply` and `context` (the values that the use cases share).
"""
