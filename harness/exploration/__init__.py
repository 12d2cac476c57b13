"""The search for what breaks: many emulations with faults, failures made small, and the story of each.

Must never know how a fault is carried out, only where it struck.
"""
