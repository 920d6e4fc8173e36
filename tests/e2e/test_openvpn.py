"""openvpn and openvpn-auth-radius, which refuses whom it cannot tell the accounting of."""

import subprocess

import openvpn
import tunnel
from battery import ACCEPT, TIMEOUT_SECS, TRIES
from world import until


class OpenVpn(openvpn.Logins):
    def plugin(self, servers, secret):
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        config = self.folder / "radiusplugin.cnf"
        asked = (
            f"server\n"
            f"{{\n"
            f"  name={at_usual_ports(it)}\n"
            f"  authport=1812\n"
            f"  acctport=1813\n"
            f"  sharedsecret={secret}\n"
            f"  wait={TIMEOUT_SECS}\n"
            f"  retry={TRIES - 1}\n"
            f"}}\n"
            for it in servers
        )
        config.write_text(
            f"NAS-Identifier=openvpn\n"
            f"Service-Type=5\n"
            f"Framed-Protocol=1\n"
            f"NAS-Port-Type=5\n"
            f"NAS-IP-Address=127.0.0.1\n"
            f"OpenVPNConfig={self.folder}/gateway.conf\n"
            f"subnet={tunnel.MASK}\n"
            f"overwriteccfiles=true\n"
            f"{''.join(asked)}"
        )
        return f"plugin /usr/lib/openvpn/radiusplugin.so {config}"

    def test_gives_the_address_and_the_route_that_a_rule_grants(self):
        address, network = "203.0.113.77", "192.0.2.0/24"
        framed = ["--attribute", f"Framed-IP-Address={address}"]
        framed += ["--attribute", f"Framed-Route={network} {address}/32 1"]
        self.cluster.run("rule", "add", "all", "--factors", "both", *framed)
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        self.assertIn(f"inet {address}/", self.seen)
        # The network behind the traveller, which the gateway sends through this tunnel.
        told = (self.folder / "ccd" / self.alice.name).read_text()
        self.assertIn("iroute 192.0.2.0 255.255.255.0", told)

    def test_tells_when_the_session_begins(self):
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)

        def is_noted():
            events = self.cluster.events("--user", self.alice.name)
            told = [event["cause"] for event in events if event["kind"] == "accounting"]
            return any("status=Start" in cause for cause in told)

        until("the accounting is noted", is_noted)


def at_usual_ports(node):
    """An address at which the node has the usual ports: the plugin reads four digits of one."""
    address = f"127.0.1.{node['id']}"
    rules = (
        f"add rule ip usual out ip daddr {address} udp dport {usual} dnat to {listening}\n"
        for usual, listening in ((1812, node["radius"]), (1813, node["accounting"]))
    )
    table = "add table ip usual\n"
    chain = "add chain ip usual out { type nat hook output priority -100; }\n"
    subprocess.run(["nft", "-f", "-"], input=table + chain + "".join(rules), text=True, check=True)
    return address
