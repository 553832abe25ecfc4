"""The name under which courses have known the notebooks' package: what is imported from here is the other package's."""
