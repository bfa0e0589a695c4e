"""Storing states in folders: the state file, the journal of intents and outcomes, the lock, the
history; and the cache of the account.

It may import `model` and `common`, and reaches the disk through one port. Begin with
`folder_store`, which implements the port `Store` of `model.ports`.
"""
