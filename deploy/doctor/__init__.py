"""Checks whether a system can work as it is configured, and says how to mend what is wrong."""
