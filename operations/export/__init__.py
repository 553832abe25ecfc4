"""Facts that leave the system in the forms of standards: xAPI statements for an LRS, ProgSnap2 tables for research."""
