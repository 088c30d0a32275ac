"""The `netns` engine: each node is a set of Linux namespaces on this machine's own kernel.

    notebook -- Session (session.py)
       |
    fork server (forkserver.py)   a clean Python that has all loaded; a lab with four nodes is ready ahead of time
       |  socketpair, pidfd
    launcher (launcher.py)    user namespace 1: makes the whole file system read-only, then stays as its parent
       |
    supervisor (supervisor.py)   user namespace 2, PID 1 of the lab: makes nodes and links, watches the notebook
       |
    agent (agent.py), one a node: PID 1 of the node, in its own network, mounts, processes, host name

Two user namespaces, because the kernel locks what the outer one has mounted: not even root in a node can make it
writable again, or look under it. When the notebook is root, the lab's ids are mapped to ids that own nothing on this
machine, so that the lab's root is nobody outside.

Nothing outlives the notebook, whatever happens to it: the supervisor holds a pidfd of the notebook, and when that says
"gone" (or the notebook asks, or the launcher dies) it exits, and the kernel then kills every process below PID 1 and
drops their namespaces, interfaces and mounts with them. No file, name or rule is made outside.

Needs Linux 5.12 (mount_setattr) and user namespaces that an ordinary user may make.
"""
