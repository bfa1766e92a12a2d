"""What runs in a student's process: it sees no hidden check, only the arguments of each call."""
