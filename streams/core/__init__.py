"""The pure core: decide, resolve, fold, indicators. It does no I/O and reads no clock."""
