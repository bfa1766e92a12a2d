"""The networks of the course, one file a family; none imports another."""
