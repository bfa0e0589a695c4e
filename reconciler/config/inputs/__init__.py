"""What else a stack is read from: merge keys, JSON, pipes, and files of variables beside it.

It may import what `config` may, and `config.document`. Begin with the module of the input.
"""
