"""Storing states: in folders, with the state file, the journal of intents and outcomes, the lock
and the history (`folder_store`); and in places that many machines see (`shared`, over `objects`).
Also the choice between them (`place_choice`, `opening`), and the cache of the account.

It may import `model` and `common`, and reaches the disk through one port. Begin with
`folder_store`, which implements the port `Store` of `model.ports`.
"""
