"""What is looked at, a module for each group of the page."""
