"""What breaks: scenarios, the dice that decide when a fault strikes, and what AWS then answers.

Must never know what becomes of the system because of it.
"""
