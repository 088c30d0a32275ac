"""A bulk transfer in simulation: data packets per second of processor, beside ns.py and ns-3 in the same run.

Two hosts, one link of 100 Mbit/s with 10 ms each way and a queue of 250 kB; segments of 1460 bytes with their options.
netlib carries real bytes through whole hosts, and the bytes are compared at the end; ns.py and ns-3 carry lengths.
One program gives them to TCP at once, another takes what has come every 5 ms.
Acknowledgments are not counted.  And what 1,000 connections cost that are open on both hosts and idle, each with a
coroutine that waits for it.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from netlib.host import STREAM
from netlib.worlds.simulation import Simulation
from netlib.worlds.task import readable, sleep, writable

from .measure import Missing, Result

SIZE = 20_000_000  # bytes
ROUNDS, IDLE = 3, 1000
RATE, DELAY, QUEUE = 100e6, 0.01, 250_000
READ_EVERY = 0.005  # seconds: the receiving program does not wake for each packet
WINDOW = 400_000  # bytes: the link and its queue hold 500,000, so nothing is lost, which would confuse ns.py's TCP


def results() -> Iterator[Result | Missing]:
    theirs = {"ns.py": ns_py if find_spec("ns") else None, "ns-3": ns_3()}
    best = {"netlib": 0.0} | {name: 0.0 for name, run in theirs.items() if run}
    for _ in range(ROUNDS):
        best["netlib"] = max(best["netlib"], transfer(SIZE))
        for name, run in theirs.items():
            if run:
                best[name] = max(best[name], run())
    yield Result("data packets of a bulk transfer, per second of processor", best["netlib"] / 1000, "k/s", 15)
    for name, fix in (("ns.py", "make bench"), ("ns-3", "apt install libns3-dev, and g++")):
        if name not in best:
            yield Missing(f"  by {name}", fix)
            continue
        yield Result(f"  by {name}, without the bytes", best[name] / 1000, "k/s")
        yield Result(f"  netlib's to {name}'s", best["netlib"] / best[name], "x")
    alone = beside = 0.0
    for _ in range(2 * ROUNDS):
        alone, beside = max(alone, transfer(SIZE // 4)), max(beside, transfer(SIZE // 4, IDLE))
    yield Result(f"the same beside {IDLE} idle connections, slower by", 100 * (1 - beside / alone), "%", 10, "<")


def transfer(size: int, idle: int = 0) -> float:
    """Data packets per second of processor of one transfer of `size` bytes, beside so many idle connections."""
    sim = Simulation()
    a, b = sim.host("a"), sim.host("b")
    link = sim.link((a, "10.0.0.1/24"), (b, "10.0.0.2/24"), rate=RATE, delay=DELAY, queue=QUEUE)
    body, got = Random(1).randbytes(size), bytearray()

    async def wait(socket: Any) -> None:
        await readable(socket)

    async def open_idle() -> None:
        listener = b.socket(STREAM)
        listener.bind("10.0.0.2", 81)
        listener.listen(idle)
        for _ in range(idle):
            socket = a.socket(STREAM)
            socket.connect("10.0.0.2", 81)
            await writable(socket)
            await readable(listener)
            sim.spawn(wait(socket))
            sim.spawn(wait(listener.accept()))

    async def serve() -> None:
        listener = b.socket(STREAM)
        listener.set_option("receive_buffer", WINDOW)
        listener.bind("10.0.0.2", 80)
        listener.listen()
        await readable(listener)
        socket = listener.accept()
        assert socket
        while (data := socket.recv(1 << 20)) != b"":
            got.extend(data or b"")
            await sleep(READ_EVERY)

    async def send() -> None:
        socket = a.socket(STREAM)
        socket.set_option("send_buffer", size)
        socket.connect("10.0.0.2", 80)
        await writable(socket)
        assert socket.send(body) == size
        socket.shutdown()

    sim.run(open_idle())
    before, started = link.directions[0].sent, process_time()
    sim.run(serve(), send())
    seconds = process_time() - started
    assert got == body, f"{len(got)} of {size} bytes, or others"
    return (link.directions[0].sent - before) / seconds


def ns_py() -> float:
    """The same by ns.py's TCP: its port is the link's queue and rate, its wires are the delay."""
    import simpy
    from ns.flow.cc import TCPReno
    from ns.flow.flow import Flow
    from ns.packet.tcp_generator import TCPPacketGenerator
    from ns.packet.tcp_sink import TCPSink
    from ns.port.port import Port
    from ns.port.wire import Wire

    env = simpy.Environment()
    flow = Flow(fid=0, src="a", dst="b", size=SIZE // 1448 * 1448, start_time=0.0, finish_time=100.0)
    sender = TCPPacketGenerator(env, flow, TCPReno(mss=1448, cwnd=14480, ssthresh=WINDOW - 100_000))
    sender.mss = 1448
    port = Port(env, RATE, qlimit=QUEUE, limit_bytes=True)
    there, back = (Wire(env, lambda: DELAY) for _ in range(2))
    sink = TCPSink(env, rec_arrivals=False, rec_waits=False)
    sender.out, port.out, there.out, sink.out, back.out = port, there, sink, back, sender
    started = process_time()
    while sink.next_seq_expected < flow.size and env.now < flow.finish_time:
        env.run(until=env.now + 0.1)
    assert sink.next_seq_expected == flow.size, f"{sink.next_seq_expected} of {flow.size} bytes"
    return port.packets_received / (process_time() - started)


NS_3 = """
#include <ctime>
#include <iostream>
#include "ns3/applications-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
using namespace ns3;
static uint64_t packets = 0;
static void Sent(Ptr<const Packet> packet) { if (packet->GetSize() > 500) packets++; }
int main(int, char **argv)
{
    Config::SetDefault("ns3::TcpSocket::SegmentSize", UintegerValue(1448));
    Config::SetDefault("ns3::TcpSocket::SndBufSize", UintegerValue(1 << 20));
    Config::SetDefault("ns3::TcpSocket::RcvBufSize", UintegerValue(400000));
    Config::SetDefault("ns3::TcpSocket::InitialCwnd", UintegerValue(10));
    Config::SetDefault("ns3::TcpL4Protocol::SocketType", StringValue("ns3::TcpNewReno"));
    GlobalValue::Bind("ChecksumEnabled", BooleanValue(true));
    NodeContainer nodes; nodes.Create(2);
    PointToPointHelper link;
    link.SetDeviceAttribute("DataRate", StringValue("100Mbps"));
    link.SetChannelAttribute("Delay", StringValue("10ms"));
    link.SetQueue("ns3::DropTailQueue<Packet>", "MaxSize", StringValue("250000B"));
    NetDeviceContainer devices = link.Install(nodes);
    InternetStackHelper().Install(nodes);
    Ipv4AddressHelper addresses("10.0.0.0", "255.255.255.0");
    Ipv4InterfaceContainer interfaces = addresses.Assign(devices);
    BulkSendHelper source("ns3::TcpSocketFactory", InetSocketAddress(interfaces.GetAddress(1), 80));
    source.SetAttribute("MaxBytes", UintegerValue(atoi(argv[1])));
    source.SetAttribute("SendSize", UintegerValue(65536));
    source.Install(nodes.Get(0)).Start(Seconds(0));
    PacketSinkHelper sink("ns3::TcpSocketFactory", InetSocketAddress(Ipv4Address::GetAny(), 80));
    ApplicationContainer sinks = sink.Install(nodes.Get(1)); sinks.Start(Seconds(0));
    devices.Get(0)->TraceConnectWithoutContext("PhyTxEnd", MakeCallback(&Sent));
    clock_t started = clock();
    Simulator::Stop(Seconds(100)); Simulator::Run();
    double seconds = double(clock() - started) / CLOCKS_PER_SEC;
    if (DynamicCast<PacketSink>(sinks.Get(0))->GetTotalRx() != (uint64_t) atoi(argv[1])) return 1;
    std::cout << packets / seconds << std::endl;
}
"""
NS_3_LIBRARIES = [f"-lns3-{name}" for name in ("core", "network", "internet", "point-to-point", "applications")]


def ns_3() -> Any:
    """A function that does the same with ns-3, compiled here; None where there is none."""
    if not shutil.which("g++") or not Path("/usr/include/ns3/core-module.h").exists():
        return None
    folder = tempfile.TemporaryDirectory()
    source, program = Path(folder.name, "transfer.cc"), Path(folder.name, "transfer")
    source.write_text(NS_3)
    if subprocess.run(["g++", "-O2", "-o", program, source, *NS_3_LIBRARIES], timeout=300).returncode:
        return None

    def run(folder: object = folder) -> float:  # the folder lasts as long as this
        return float(subprocess.check_output([program, str(SIZE)], text=True, timeout=300))

    return run
