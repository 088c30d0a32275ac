"""Transport: from host to host becomes from program to program."""
