"""Where states are kept: the state file, the journal of intents and outcomes, the lock, the
history, the cache.

It may import `model` and `common`, and reaches the disk through one port. Begin with
`folder_store`.
"""
