"""Gives the loopback interface more IPv4 addresses, so that addresses can stand for hosts.

Runs inside a sandbox that owns its network namespace, by itself: standard library only, nothing of ours imported. As a
program it adds the addresses that it is called with, then waits until it is ended.
"""

import fcntl
import signal
import socket
import struct
import sys
from collections.abc import Iterable

# linux/sockios.h, linux/if.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCSIFADDR = 0x8916
_SIOCSIFNETMASK = 0x891C
_IFF_UP = 0x1


def _request(name: str, address: str) -> bytes:
    """A ``struct ifreq`` with a ``sockaddr_in`` in it."""
    return struct.pack("16sHH4s8x8x", name.encode(), socket.AF_INET, 0, socket.inet_aton(address))


def add_addresses(addresses: Iterable[str]) -> None:
    """Bring ``lo`` up and add the addresses as ``lo:1``, ``lo:2``, … Raises OSError without CAP_NET_ADMIN."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = struct.unpack("16sH", fcntl.ioctl(control, _SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))[:18])[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))
        for number, address in enumerate(addresses, 1):
            if address.startswith("127."):  # the whole of 127.0.0.0/8 is there already
                continue
            fcntl.ioctl(control, _SIOCSIFADDR, _request(f"lo:{number}", address))
            fcntl.ioctl(control, _SIOCSIFNETMASK, _request(f"lo:{number}", "255.255.255.255"))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    add_addresses(sys.argv[1:])
    signal.pause()
