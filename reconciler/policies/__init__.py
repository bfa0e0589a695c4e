"""Rules of a project over plans: what they deny, warn of, and want consent to.

It may import `config` and everything below it; a plan comes as the documented JSON. It reads the
files of the rules, and no clock. Begin with `policy_set`: it loads the rules and judges plans.
"""
