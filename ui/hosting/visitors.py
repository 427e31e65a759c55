"""Who sends a request."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any


def visitor_of(request: Any) -> tuple[str, str]:
    """The address, by which those at one place are one, and the session, which anyone may choose anew."""
    return address_of(request), str(getattr(request, "session_hash", None) or "")[:64]


def address_of(request: Any) -> str:
    """Where a request comes from; "" where nobody knows."""
    return place_of(getattr(getattr(request, "client", None), "host", None) or "")


@lru_cache(10_000)
def place_of(address: str) -> str:
    """An address; of version 6, whose subscribers have as many as they like, the network of one subscriber."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    return str(ip.ipv4_mapped) if ip.ipv4_mapped else ":".join(ip.exploded.split(":")[:4]) + "::/64"
