"""The wind tunnel: runs any SAM template of S3, SQS, DynamoDB Streams and Lambda, with its real handlers, in
virtual time.

Its rooms, from the top floor down; an import only ever goes down:

commands     what a person types and sees
exploration  the search for what breaks
runs         one run, and what it leaves
services     AWS's behaviour over time: event sources, Lambda, events of S3
compute      how long code takes, and the sandbox that it runs in
bill         what AWS counts when it bills
cloud        moto with the template deployed, and the wire that every request takes
faults       what breaks, and when
engine       clock, event loop, randomness; no AWS word in it

recorder, config, errors and region are the ground that all stand on. Of the application that it runs it knows
what [tool.harness] of pyproject.toml says, and nothing else.
"""
