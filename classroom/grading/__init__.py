"""Grading the assignments of a class: no server, no root, one command."""
