"""How good the system is at its work, measured on inputs whose truth is known."""
