"""Issues: one list of what needs attention, for every page, alert and figure that tells of it."""
