"""Notebooks: what PostHog's events of Jupyter and Colab mean, as facts and scores like LearnPack's.

docs/semantics.md, "Notebooks".
"""
