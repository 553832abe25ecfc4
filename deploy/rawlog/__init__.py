"""The raw topic as a whole: copied, erased from, archived and restored; ids stay what they were."""
