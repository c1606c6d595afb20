"""``/api/alerts``: who is called when something needs a hand, and how."""
