"""What can break: scenarios say how often, dice decide when, and each stroke is recorded so that it can be repeated or left out."""
