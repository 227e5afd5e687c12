"""Ink and data: from pen or picture to 28×28, and the digits that networks learn from.

Knows no network, no run and no page.
"""
