"""Shell completion: options, commands and the values of both, for bash, zsh and fish.

Begin reading in `answer`. A completion sends no request and writes no file, and it offers nothing
if there is any error. It may import whatever `cli` may.
"""
