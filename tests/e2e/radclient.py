"""FreeRADIUS's own client: one request, protected or not, from any address of loopback."""

import subprocess

from world import PATIENCE_SECS


def ask(server, secret, attributes, source="127.0.0.1"):
    """Sends one request up to twice; all that the client prints of it and of the reply."""
    attributes = {"Packet-Src-IP-Address": source, **attributes}
    # Octets are written as numbers, texts in quotes.
    shown = {name: it if it.startswith("0x") else f'"{it}"' for name, it in attributes.items()}
    request = ", ".join(f"{name} = {value}" for name, value in shown.items())
    command = ["radclient", "-x", "-r", "2", "-t", "3", server["radius"], "auth", secret]
    done = subprocess.run(
        command,
        input=request + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECS,
    )
    return done.stdout


def verdict(said):
    found = [verdict for word, verdict in VERDICTS.items() if word in said]
    if len(found) != 1:
        raise AssertionError(f"radclient: {said}")
    return found[0]


def log_in(server, secret, name, typed, source="127.0.0.1"):
    return verdict(ask(server, secret, {"User-Name": name, "User-Password": typed}, source))


CHALLENGE = "challenge"
VERDICTS = {
    "Received Access-Accept": "accept",
    "Received Access-Challenge": CHALLENGE,
    "Received Access-Reject": "reject",
    "No reply from server": "silence",
}
