"""Existing objects into stack files: writing a stack for an account (`adopt`), taking drift into
the file (`absorb`), a first stack.

It may import `planner` and everything below it; it returns texts and writes no file. Begin with
`adopt`.
"""
