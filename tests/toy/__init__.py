"""A fifth kind that exists only here: `backups`, one table for the program (`backup`) and one file
for the local cloud (`backup_cloud`).
"""
