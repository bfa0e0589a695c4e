"""What the API can do, one module a resource family; each operation is a function from a Call to a
Reply.
"""
