"""What is known of backups: where they go beside this machine, what was sent, what was proven."""
