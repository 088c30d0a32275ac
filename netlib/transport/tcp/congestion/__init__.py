"""How much may be under way: congestion control (RFC 5681, RFC 9438)."""
