"""Bytes to values and back: headers, addresses, checksums, packets and capture files.

Nothing here keeps state or knows the time.  Every parser takes any bytes at all, and raises only
the errors of `netlib.wire.errors`.
"""
