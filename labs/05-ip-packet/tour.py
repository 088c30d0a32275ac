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


@claim("Sender and router both cut: 3000 bytes of ping leave in 3 fragments, arrive in 5, and come back in 4")
def cut_twice(lab):
    with lab.capture("h1:eth1") as here, lab.capture("h2:eth1") as there:
        lab["h1"].run("ping -c 1 -W 2 -M dont -s 3000 10.5.2.2", check=True)
    left, arrived, back = sent(here, "10.5.1.2"), sent(there, "10.5.1.2"), sent(here, "10.5.2.2")
    assert [len(each) for each in (left, arrived, back)] == [3, 5, 4]
    assert all(packet.total_length <= 1000 for packet in (*arrived, *back))
    return "3 left h1, 5 arrived at h2, 4 came back: nobody joins fragments on the way"


@claim("With DF set the router drops it, and says which MTU would fit")
def dont_fragment(lab):
    done = lab["h1"].run("ping -c 1 -W 2 -M do -s 1400 10.5.2.2")
    assert done.returncode and "Frag needed and DF set (mtu = 1000)" in done.stdout, done
    lab["h1"].run("ip route flush cache", check=True)  # what h1 has learned from it
    return "r1 answered: fragmentation needed, MTU 1000"


@claim("ECN is two bits, four values, and a router passes them on as they are")
def ecn(lab):
    with lab.capture("h2:eth1") as there:
        for codepoint in range(4):
            lab["h1"].run(f"ping -c 1 -W 2 -Q {codepoint} 10.5.2.2", check=True)
    seen = [packet.ecn for packet in sent(there, "10.5.1.2")]
    assert seen == [0, 1, 2, 3], seen
    return "sent with 0, 1, 2 and 3, and so they arrived"


def sent(capture, source):
    """The IP packets in a capture that have this source."""
    packets = [packet[IPv4Packet] for _, packet in capture.packets if IPv4Packet in packet]
    return [packet for packet in packets if str(packet.source) == source]
