"""From the project to what AWS takes: packages of the functions."""
