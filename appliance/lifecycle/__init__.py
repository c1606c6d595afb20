"""The life of an installed appliance: made ready, kept alive, backed up, restored, examined.

What can be done inside the image is a verb of the ``appliance`` program (``verbs``); the scripts in
``scripts/`` only call it. ``probe`` and ``watch`` are programs of their own that need nothing but
Python, since they run every few seconds.
"""
