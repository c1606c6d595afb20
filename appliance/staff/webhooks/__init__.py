"""``/api/webhooks``: programs that are told what happens."""
