"""Test doubles for the ports of the product, such as a clock and a network in virtual time."""
