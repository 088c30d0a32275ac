"""Pictures of packets, headers and exchanges: HTML in a notebook, the same in words everywhere else.

    show(packet)                                    bytes and fields, linked to each other
    compare_bytes(expected, got, like=IPv4Packet)   what differs, and in which field
    header_picture(IPv4Packet)                      the header as the RFCs draw it
    SequenceDiagram.from_captures({"h1": ...})      who sent what to whom, and when it arrived
    staircase(traceroute_result)                    how far each probe came
    ruler(fragments)                                which bytes of the whole each fragment carries
    hops({"h1 to r1": packet, ...}, IPv4Packet)     what changes in a header on its way
    network(nodes, lines)                           nodes, links, and what passed them
    address_bits("10.4.0.10/24")                    an address and its mask, bit by bit
    zoom(networks), number_line({"given": [...]})   networks on the line of all addresses
    prefix_tree(routes, "10.8.4.9")                 a routing table as a tree of bits, and a lookup's way through it
    nesting([("ethernet", 14), ...])                whose byte is whose, the layers as nested bars
    switching(passages, ports)                      what a switch does with each frame, and what it knows by then
    pieces(rows), owners(arrivals, sockets)         where messages begin and end, and which socket each goes to
    state_line(changes)                             what a machine's state was, and when
    record(socket, bottleneck=link)                 what a TCP connection knows, whenever it does something
    segments(capture)                               its segments: flags, relative seq, ack and length, lost, sent again
    byte_strip(recording)                           its bytes: acknowledged, in flight, SACKed, allowed
    windows(recording)                              its cwnd, ssthresh and flight, over the bottleneck's queue
    state_path(socket)                              its way through RFC 9293's state figure
    nat_sides(inside, outside, nat)                 the same packets on both sides of a NAT, and its table
    stacked(rows, "ms"), bars(rows)                 where the time goes; one number a row
    waiting("for the kernel", 8)                    a bar while a cell waits: `with waiting(...):`
    table(rows, columns, caption)                   rows; claims(rows): claim, RFC, netlib, this kernel

Each returns an object that a notebook displays, and that `print` writes as text.  All are pure Python, need nothing
but the standard library (so they work in Pyodide), and give the same output for the same input.
"""

from netlib.view.addresses import address_bits, number_line, zoom
from netlib.view.bytes import BytesComparison, compare_bytes
from netlib.view.charts import Bars, Staircase, bars, staircase
from netlib.view.conversation import Conversation, conversation
from netlib.view.datagrams import owners, pieces
from netlib.view.header import HeaderPicture, header_picture
from netlib.view.hops import Hops, hops
from netlib.view.nat import NATSides, nat_sides, watch_nat
from netlib.view.nesting import nesting
from netlib.view.network import Flow, Line, Network, network
from netlib.view.packet import PacketView, show
from netlib.view.path import StatePath, state_path
from netlib.view.recording import Recording, record
from netlib.view.ruler import Ruler, ruler
from netlib.view.segments import segments
from netlib.view.sequence import Message, Note, SequenceDiagram, sequence
from netlib.view.stacked import stacked
from netlib.view.states import state_line
from netlib.view.strip import ByteStrip, byte_strip
from netlib.view.switching import Passage, passed, switching
from netlib.view.tables import Table, claims, table
from netlib.view.trie import prefix_tree
from netlib.view.waiting import Waiting, waiting
from netlib.view.windows import Windows, windows

__all__ = [
    "Bars",
    "ByteStrip",
    "BytesComparison",
    "Conversation",
    "Flow",
    "HeaderPicture",
    "Hops",
    "Line",
    "Message",
    "NATSides",
    "Network",
    "Note",
    "PacketView",
    "Passage",
    "Recording",
    "Ruler",
    "SequenceDiagram",
    "Staircase",
    "StatePath",
    "Table",
    "Waiting",
    "Windows",
    "address_bits",
    "bars",
    "byte_strip",
    "claims",
    "compare_bytes",
    "conversation",
    "header_picture",
    "hops",
    "nat_sides",
    "nesting",
    "network",
    "number_line",
    "owners",
    "passed",
    "pieces",
    "prefix_tree",
    "record",
    "ruler",
    "segments",
    "sequence",
    "show",
    "stacked",
    "staircase",
    "state_line",
    "state_path",
    "switching",
    "table",
    "waiting",
    "watch_nat",
    "windows",
    "zoom",
]
