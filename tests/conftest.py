"""What pytest leaves alone here."""

collect_ignore = ["sample_project"]  # has an environment of its own: see test_installed.py
