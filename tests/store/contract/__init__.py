"""The contract of the port `Store`, over every place that can keep a state: what is recorded stays,
whole, in order, by one writer.
"""
