"""The whole fleet of millions of files, message by message in compiled code, without handlers.

Must never run a handler nor touch moto: it knows a template's settings, a calibration and AWS's limits.
"""
