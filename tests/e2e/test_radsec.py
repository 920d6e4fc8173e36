"""radsecproxy: datagrams from radclient on one side, RadSec with certificates on the other."""

import battery
import device
from world import PATIENCE_SECS, Process, until

PORT = 18120
PROXY_SECRET = "between-radclient-and-proxy"
# A request that a frozen server keeps is given up before the device sends it again.
GIVES_UP_SECS = 2


class RadSec(device.Device):
    def set_up(self, servers, secret):
        """The gateway is known by its certificate; the secret of its entry is not used."""
        told = self.cluster.told["radsec"]
        self.cluster.run("client", "set", "gateway", "--certificate-name", told["name"])
        config = self.folder / "radsecproxy.conf"
        config.write_text("\n".join([*proxy(told), *map(server, servers), realm(servers)]))
        command = ["radsecproxy", "-f", "-c", config]
        self.proxy = Process(command, self.folder / "radsecproxy.log")
        self.addCleanup(self.proxy.stop)

        def connected():
            return self.proxy.said().count(CONNECTED) >= len(servers)

        until("the proxy has a connection to each server", connected)

    def ask_each(self, request):
        """A device whose proxy says nothing asks again with a new packet."""
        front = {"radius": f"127.0.0.1:{PORT}"}
        return device.first_word([front] * len(self.cluster.nodes), PROXY_SECRET, request)

    def test_is_told_by_its_certificate_in_the_events(self):
        self.assertEqual(self.log_in(self.alice.name, self.typed), battery.ACCEPT)
        self.assert_ended(battery.LET_IN)
        events = list(self.cluster.events("--user", self.alice.name))
        name = self.cluster.told["radsec"]["name"]
        self.assertTrue(any(name in str(event) for event in events), events)

    def test_is_told_by_its_certificate_to_who_waits_for_it(self):
        command = self.cluster.command("client", "watch", "gateway")
        watch = Process(command, self.folder / "watch.log")
        self.addCleanup(watch.stop)
        watch.wait_for("waiting for packets")
        self.assertEqual(self.log_in(self.alice.name, self.typed), battery.ACCEPT)
        watch.wait_for("servers tried")
        self.assertEqual(watch.child.wait(PATIENCE_SECS), 0)
        self.assertIn(f"certificate of {self.cluster.told['radsec']['name']}", watch.said())

    def test_loses_its_connection_with_its_name(self):
        self.cluster.run("client", "set", "gateway", "--certificate-name", "")
        self.assertEqual(self.log_in(self.alice.name, self.typed), battery.SILENCE)
        self.assertEqual(self.cluster.questions(self.alice), 0)


def proxy(told):
    return [
        "LogLevel 3",
        f"ListenUDP 127.0.0.1:{PORT}",
        "tls default {",
        f"  CACertificateFile {told['ca_file']}",
        f"  CertificateFile {told['certificate']}",
        f"  CertificateKeyFile {told['key']}",
        "}",
        "client 127.0.0.1 {",
        "  type udp",
        f"  secret {PROXY_SECRET}",
        "  DuplicateInterval 1",
        "}",
    ]


def server(node):
    host, port = node["radsec"].split(":")
    return "\n".join(
        [
            f"server {name(node)} {{",
            "  type tls",
            f"  host {host}",
            f"  port {port}",
            "  secret radsec",
            f"  RetryInterval {GIVES_UP_SECS}",
            "  RetryCount 0",
            "}",
        ]
    )


def realm(servers):
    return "\n".join(["realm * {", *(f"  server {name(node)}" for node in servers), "}", ""])


def name(node):
    return f"node{node['id']}"


CONNECTED = ", subject "
