"""The processes of an installation, and who looks after them."""
