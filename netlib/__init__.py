"""netlib: the reference implementation behind Fundamentals of Networking Engineering."""
