"""Generations: the journal, who may change it, and how one takes the place of another."""
