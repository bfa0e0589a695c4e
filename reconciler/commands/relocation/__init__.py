"""What a state is called and which stack has an object: `rename` gives a state another name.

Only states change here; the account is not read. It may import what `commands` may. Begin with
`rename`.
"""
