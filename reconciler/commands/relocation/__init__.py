"""What a state is called, where it is, and which stack has an object: `rename` gives a state
another name, `to_place` moves it to another place, `moving` moves objects to another stack.

Only states change here; the account is not read. It may import what `commands` may. Begin with
`rename`.
"""
