"""``/api/alerts``: who is called when something needs attention, and how."""
