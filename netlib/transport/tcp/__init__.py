"""TCP (RFC 9293): bytes that arrive once, in order, over packets that do not.

connection.py is read beside RFC 9293 section 3.10, event by event.  Where each rule is, with its section:

    opening    ISN (3.4.1)                                    isn.py; asked for in kernel/connections.py
               MSS and its defaults, 536 and 1220 (3.7.1)     reception.py synchronize, variables.py DEFAULT_MSS
               window scale, and other options                options.py, on a SYN only: take; block.py window_field
               simultaneous open (3.5)                        connection.py in_syn_sent, in_other_states
               Fast Open (RFC 7413)                           fast_open.py
               backlog + 1, SYN cookies                       kernel/listener.py, kernel/cookies.py
    arriving   acceptability test (3.10.7.4, table 6)         reception.py is_acceptable
               ACK, URG and RST at a closed window (MUST-66)  connection.py in_other_states, first
               PAWS (RFC 7323)                                reception.py is_timely
               timestamp to echo, Last.ACK.sent (RFC 7323)    reception.py record_timestamp
               RST in the window, not at RCV.NXT (RFC 5961)   connection.py reset_arrives; block.py challenge
               SYN in a synchronized state (RFC 5961)         connection.py in_other_states, fourth
               ACK of what was never sent, MAX.SND.WND        connection.py in_other_states, fifth
               SND.WL1, SND.WL2                               transmission.py take_window
               text out of order                              reception.py text_arrives, reassembler.py
               urgent pointer (3.8.5)                         connection.py send, sixth_and_on; block.py send_segment
               delayed ACK (3.8.6.3)                          acknowledgment.py
    sending    Eff.snd.MSS, less the options (3.7.1)          block.py agree_on_mss
               Nagle (3.7.4), Minshall; SWS (3.8.6.2.1)       output.py Output; transmission.py persist_timeout
               window never shrunk (3.8.6)                    output.py offered_edge; block.py window_field
               receiver's SWS (3.8.6.2.2)                     output.py offered_edge; connection.py receive
               zero-window probes (3.8.6.1)                   transmission.py persist_timeout, probe
               RTO and its back-off (RFC 6298), Karn          rtt.py; transmission.py send_text, measure
               R1, R2, SYN retries, user timeout (3.8.3)      transmission.py retransmission_timeout
               negative advice to IP after R1 (3.8.3)         kernel/connections.py tick, kernel/network.py doubt
               keep-alive (3.8.4)                             transmission.py keepalive_timeout
               slow start; restart after idle (RFC 5681)      congestion/reno.py; transmission.py transmit: idle
               fast retransmit; NewReno, partial (RFC 6582)   recovery.py Reno, NewReno
               IsLost; NextSeg, pipe (RFC 6675)               scoreboard.py is_lost; recovery.py SACK
               limited transmit (RFC 3042)                    recovery.py pipe; transmission.py transmit
               D-SACK (RFC 2883)                              reassembler.py report; recovery.py is_d_sack
               ECN, ECE and CWR (RFC 3168)                    ecn.py reacts, flags; block.py may_be_marked
               path MTU (3.7.2); probing for it (RFC 4821)    reception.py path_mtu; path_mtu.py, transmission.py
               ICMP errors, hard and soft (3.9.2.2)           reception.py network_error; kernel/connections.py
                                                              receive_error, by the codes in transport/udp.py
               ICMP's sequence number (RFC 5927)              kernel/connections.py error
    ending     half-close; RST for unread data (3.6.1)        connection.py close
               RST for data after CLOSE (3.6.1)               reception.py take_text
               FIN out of order                               connection.py sixth_and_on: fin_at
               simultaneous close (3.6)                       connection.py fin_arrives: CLOSING
               2 MSL, and again (3.10.7.4)                    connection.py time_wait, unacceptable
               a new SYN in TIME-WAIT (3.6.1)                 reception.py reopened_by; kernel/connections.py receive
    faster     the same in short, while data flows: in         kernel/early_demux.py, prediction.py
               ... and out                                    steady.py, kernel/way_out.py, kernel/segments.py

All defaults and limits that a user may set are in variables.py (Settings), the states and their arrows in states.py.
"""
