"""The quota of the cloud: who may send when, with all others that use the same key.

It may import `model` and `common`. Begin with `quota_record`, which has the rules as a value.
`quota_log` keeps that value in memory or in a file of this machine, and `shared_quota_log` in a
database that many machines see.
"""
