"""Helpers that know neither stacks nor plans: texts, secrets, JSON, a persistent map, address
ranges, and the traffic that rules allow.

Two modules know the API's contract, because the client, the executor and the forecast must agree:
`timing` has the quota, polling intervals and waits, `decoding` reads members of rows.

It imports only libraries, so every other package may use it. Begin with `text`, which makes every
message for people.
"""
