"""What holds for all tests."""

from hypothesis import settings

settings.register_profile("labkit", deadline=None)  # that a machine is busy is no mistake in labkit
settings.load_profile("labkit")

collect_ignore = ["sample_project"]  # has an environment of its own: see test_installed.py
