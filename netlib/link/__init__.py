"""The link layer: who on this link has which address."""
