"""What people read: tables, progress and texts."""
