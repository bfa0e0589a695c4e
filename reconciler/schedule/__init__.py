"""What a run does next, and when: the states of a step, which step may begin, which list is read.
Nothing here sends or records anything.

It may import `resources`, `model` and `common`. The executor runs it with the client of the cloud,
the forecast with a model of one. Begin with `step_state`, the table of states and events; how often
lists are read is in `common.timing`.
"""
