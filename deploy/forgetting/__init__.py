"""Erasing a student: from the state, the topics and the tables, with a report of what is left until when."""
