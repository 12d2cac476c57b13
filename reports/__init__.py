"""Turns the files of a finished run into pages and pictures. Reads result files, never live objects."""
