"""What AWS counts when it bills, from what was recorded.

Must never estimate what was metered, nor know who made a call.
"""
