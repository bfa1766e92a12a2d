"""The networks of the course, a file for each model; none imports another."""
