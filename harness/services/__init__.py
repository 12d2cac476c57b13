"""AWS's behaviour over time: who invokes what, when, how many at once, and what happens when it fails.

Must never know what a run is for: no result, no report, no price.
"""
