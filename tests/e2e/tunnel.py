"""What gateways with tunnels share: a certificate, the traveller's side, a ping."""

import subprocess

from world import Process, until

NAME = "vpn.contoso.example"
GATEWAY = "198.51.100.1"
# The gateway's own address in the tunnel, which no other way leads to.
INSIDE = "203.0.113.1"
NETWORK, MASK = "203.0.113.0", "255.255.255.0"


def make_certificate(folder):
    """A key and a certificate of its own for the gateway."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=IP:{GATEWAY}"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)


def travel(caller, command, log, **how):
    """Starts a program in the network of a traveller."""
    return Process(["ip", "netns", "exec", caller, *command], log, **how)


def seen(caller):
    """What a traveller has of the network: addresses and routes."""
    command = ["ip", "-n", caller]
    shown = ([*command, "address", "show"], [*command, "route", "show"])
    return "".join(subprocess.check_output(it, text=True) for it in shown)


def ping(caller):
    """An echo of the gateway's inner address: it can only come through the tunnel."""
    command = ["ip", "netns", "exec", caller, "ping", "-c", "1", "-W", "1", INSIDE]

    def answered():
        return subprocess.run(command, capture_output=True).returncode == 0

    until("an echo comes through the tunnel", answered)
