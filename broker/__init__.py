"""What the parts share that reaches outside: below gateway, sinks and streams, above schemas."""
