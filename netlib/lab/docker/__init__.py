"""The `docker` engine: each node is a container of a plain Docker (or Podman) on this machine.

    notebook -- DockerSession (session.py) -- `docker run` for each node, all at once (program.py)
       |  a socket per node, mounted into its container
    agent (netlib/lab/agent/container.py), process 1 of each container

A container gets no network, no more privilege than NET_ADMIN, and nothing of this machine to write to: the lab's files,
netlib's own and the socket are mounted read-only (one can connect to a socket on a read-only mount). The agents lay the
links: each hands its network namespace to the notebook, which hands the two ends of a link to one of them. They write
their settings through a descriptor of this machine's /proc/sys/net that the notebook lends them, because a container's
own is read-only; the kernel shows each process the settings of its own network there, and no others.

Nothing outlives the notebook: each agent holds a pidfd of it and exits when it is gone, and the daemon removes a
container that has ended (`--rm`). Where the daemon was down at that moment, it does so when it is back. What is left
all the same carries its owner in a label, and the next lab to start removes what belongs to no living process
(owner.py, leftovers.py).
"""
