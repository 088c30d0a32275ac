"""The `containerlab` engine: containerlab itself deploys the lab's file, as it stands there.

    Lab("06-icmp", engine="containerlab")     # root, docker, the course image, containerlab 0.78 or newer

`session` is the notebook's side; `caretaker` a process that deploys, gives each node what containerlab does not
(furnish.py: the same settings and MAC addresses as on every engine, no offloads), watches the notebook, and takes the
lab away when it is done or gone (remains.py). `tools` asks the two programs, containerlab and docker.

The nodes are containers of the course image, whose process 1 is netlib's agent. containerlab lays the links and runs
the exec lines; the agent then answers the notebook as on the other engines. Nothing is written to the lab's own folder.
"""
