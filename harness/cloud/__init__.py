"""moto with a template deployed into it, and the wire that every request takes: the state of AWS's services,
and who may touch it.

Must never know who invokes whom, or when: behaviour over time is services/.
"""
