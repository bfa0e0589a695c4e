"""Test doubles for the ports of the product: a disk and a store in memory, and a clock and a
network in virtual time. The disk fails where a test says so.
"""
