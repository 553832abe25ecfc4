"""The thin HTTP edge: decides who may send and see what, makes bodies durable, reads; never what a webhook means."""
