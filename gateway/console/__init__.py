"""The console: pages for a browser over the same functions that the insights' routes answer with."""
