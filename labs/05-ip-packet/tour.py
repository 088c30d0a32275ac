"""What the lab of chapter 5 shows: a router cuts what does not fit, and h2 puts it together."""

from netlib.lab.tour import claim
from netlib.wire.ipv4 import IPv4Packet


@claim("A packet of 1500 bytes crosses a link with an MTU of 1000 in two fragments")
def fragments(lab):
    with lab.capture("h2:eth1") as capture:
        lab["h1"].run("ping -c 1 -W 5 -M dont -s 1472 10.5.2.2", check=True)
    came = [packet[IPv4Packet] for _, packet in capture.packets if IPv4Packet in packet]
    came = [packet for packet in came if str(packet.destination) == "10.5.2.2"]
    assert len(came) == 2 and came[0].more_fragments and not came[1].more_fragments
    return f"{len(came)} fragments, the second at offset {8 * came[1].fragment_offset}"


@claim("With DF set the router drops it, and says which MTU would fit")
def dont_fragment(lab):
    done = lab["h1"].run("ping -c 1 -W 5 -M do -s 1472 10.5.2.2")
    assert done.returncode and "mtu" in (done.stdout + done.stderr).lower()
    assert "1000" in done.stdout + done.stderr, done
    return "r1 answered: fragmentation needed, MTU 1000"
