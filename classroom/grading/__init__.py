"""Grading the assignments of a class with nbgrader: no server, no root, one command."""
