"""What runs in each node of a live lab, whatever the engine: commands, sockets, captures, settings.

The agent is the node's PID 1 (agent.py). The notebook asks it over a socket (channel.py), one message a request, with
file descriptors beside it; the answers are numbered. These modules use the standard library only, and nothing else of
netlib: in a namespace of mapped ids, and in a container, there may be nothing else.
"""
