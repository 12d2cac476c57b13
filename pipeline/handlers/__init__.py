"""The Lambda handlers. Each decodes its event, calls one function of `pipeline.work`, and answers."""
