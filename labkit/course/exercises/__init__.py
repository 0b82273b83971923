"""The exercises, a module for each notebook (n00_start_here.py belongs to notebook 00)."""
