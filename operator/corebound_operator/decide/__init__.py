"""What to do for a campaign, as a pure function of what is seen: one module per policy."""
