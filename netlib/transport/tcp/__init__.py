"""TCP (RFC 9293): bytes that arrive once, in order, over packets that do not."""
