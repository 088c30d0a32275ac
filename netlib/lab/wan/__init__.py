"""The `wan` node: netlib's own relay, which stands for a long, slow or bad path.

    exec:
      - netlib-wan eth1 eth2 delay=25ms loss=1% rate=20mbit queue=125kB seed=7

What comes in at one interface goes out at the other, after the delay and with the losses that the line asks for. The
kernel's own netem would do it too, where it is there: many kernels (WSL's, minikube's, those of clouds) lack it, it
needs rights that a container does not have, and its losses differ from run to run. This relay is the same everywhere.

settings.py reads the words, impairment.py decides over each frame (no sockets, no clock), ring.py gets frames from the
kernel, quiet.py keeps the node's own off the links, relay.py moves frames, program.py is the command, state.py what it
shows. The standard library only: these modules run in the nodes.
"""
