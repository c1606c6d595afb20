"""Issues: one list of what needs a hand, for every page, alert and figure that tells of it."""
