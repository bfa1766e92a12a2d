"""Measuring: classical fills, the comparison of systems, cards, features, cost."""
