"""What happens to the records: a pure core (streams.core) and, around it, the Faust worker."""
