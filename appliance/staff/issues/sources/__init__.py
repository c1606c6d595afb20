"""What looks for issues: one small file for each part of the appliance."""
