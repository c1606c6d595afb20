"""What somebody in the guests' network may try. Each attack runs in a process of its own."""
