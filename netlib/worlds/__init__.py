"""Worlds drive hosts: they know the time, and where a frame goes that a host has put out.

    simulation    simulated time and links; the same seed gives the same run, to the last digit
    live          real time, and devices of the Linux kernel
"""
