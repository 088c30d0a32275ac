"""What a kernel adds to the protocols: sockets, who owns which port, and who gets what arrives."""
