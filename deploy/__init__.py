"""How it runs: the command line, the supervisor, the local stack. The only place that wires the parts together."""
