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
    stacked(rows, "ms"), bars(rows)                 where the time goes; one number a row
    waiting("for the kernel", 8)                    a bar while a cell waits: `with waiting(...):`
    table(rows, columns, caption)                   rows; claims(rows): claim, RFC, netlib, this kernel

Each returns an object that a notebook displays, and that `print` writes as text.  All are pure Python, need nothing
but the standard library (so they work in Pyodide), and give the same output for the same input.
"""

from netlib.view.addresses import address_bits, number_line, zoom
from netlib.view.bytes import BytesComparison, compare_bytes
from netlib.view.charts import Bars, Staircase, bars, staircase
from netlib.view.datagrams import owners, pieces
from netlib.view.header import HeaderPicture, header_picture
from netlib.view.hops import Hops, hops
from netlib.view.nesting import nesting
from netlib.view.network import Flow, Line, Network, network
from netlib.view.packet import PacketView, show
from netlib.view.ruler import Ruler, ruler
from netlib.view.sequence import Message, Note, SequenceDiagram, sequence
from netlib.view.stacked import stacked
from netlib.view.states import state_line
from netlib.view.switching import Passage, passed, switching
from netlib.view.tables import Table, claims, table
from netlib.view.trie import prefix_tree
from netlib.view.waiting import Waiting, waiting

__all__ = [
    "Bars",
    "BytesComparison",
    "Flow",
    "HeaderPicture",
    "Hops",
    "Line",
    "Message",
    "Network",
    "Note",
    "PacketView",
    "Passage",
    "Ruler",
    "SequenceDiagram",
    "Staircase",
    "Table",
    "Waiting",
    "address_bits",
    "bars",
    "claims",
    "compare_bytes",
    "header_picture",
    "hops",
    "nesting",
    "network",
    "number_line",
    "owners",
    "passed",
    "pieces",
    "prefix_tree",
    "ruler",
    "sequence",
    "show",
    "stacked",
    "staircase",
    "state_line",
    "switching",
    "table",
    "waiting",
    "zoom",
]
