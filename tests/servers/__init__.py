"""Real servers for tests: databases and object stores that run on this machine, on loopback and a
free port each, in a temporary folder.

Begin with `places`: it gives a test a fresh, empty place of a named kind. `fixtures` starts each
server at most once per worker of pytest, when the first test asks for it, and ends it by process
id. `process` ends a server even if its tests are killed. Nothing here knows the product.
"""
