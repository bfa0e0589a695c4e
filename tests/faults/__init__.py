"""Every call and every record interrupted in turn (safety#requests): the program in one process,
over a wire, a disk and a clock that may fail.
"""
