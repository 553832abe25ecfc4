"""What administrators say: directory and rules."""
