"""The exercises of each chapter, declared for `netlib.grading`.

Each module has a tuple EXERCISES.  They ship to students: what is here is public, and the reference is netlib itself.
"""

MODULES = {
    "1": "client_server",
    "2": "osi_model",
    "3": "host_to_host",
    "4": "ip_addressing",
    "5": "ip_packet",
    "6": "icmp",
    "7": "arp",
    "8": "routing",
    "9": "udp",
}
