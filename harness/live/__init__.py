"""A living local cloud: the engine and services of a run, paced by the wall clock, with a door for AWS
clients, a page to watch, and a review of what is found.

Must never know of this application's code; nor may it bring about anything that a run would not.
"""
