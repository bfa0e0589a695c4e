"""Any bytes to the six decoders (stack, state, journal, plan, API answers, arguments): a value or a
documented refusal, in bounded time.

`python -m tests.fuzz --seconds N` looks for more, guided by which lines of ours an input reaches.
"""
