"""ocserv (by radcli) and openconnect: a tunnel over TLS."""

import battery
import tunnel
from battery import ACCEPT
from world import Process


class Ocserv(battery.Persistence, battery.Logins):
    def set_up(self, servers, secret):
        tunnel.make_certificate(self.folder)
        radius = self.folder / "radiusclient.conf"
        asked = ",".join(f"{it['radius']}:{secret}" for it in servers)
        radius.write_text(
            f"nas-identifier ocserv\n"
            f"authserver {asked}\n"
            f"servers /dev/null\n"
            f"dictionary /etc/radcli/dictionary\n"
            f"radius_timeout {battery.TIMEOUT_SECS}\n"
            f"radius_retries {battery.TRIES - 1}\n"
            f"bindaddr *\n"
        )
        groups = self.folder / "groups"
        groups.mkdir()
        (groups / "staff").write_text(f"route = {STAFF_NETWORK}\n")
        config = self.folder / "ocserv.conf"
        config.write_text(
            f'auth = "radius[config={radius}]"\n'
            f"listen-host = {tunnel.GATEWAY}\n"
            f"tcp-port = 443\n"
            f"udp-port = 443\n"
            f"server-cert = {self.folder}/cert.pem\n"
            f"server-key = {self.folder}/key.pem\n"
            f"run-as-user = nobody\n"
            f"run-as-group = nogroup\n"
            f"socket-file = /run/ocserv\n"
            f"pid-file = /run/ocserv.pid\n"
            f"device = vpns\n"
            f"ipv4-network = {tunnel.NETWORK}\n"
            f"ipv4-netmask = {tunnel.MASK}\n"
            f"max-ban-score = 0\n"
            f"config-per-group = {groups}/\n"
        )
        command = ["ocserv", "--foreground", "--debug", "1", "--config", config]
        self.gateway = Process(command, self.folder / "gateway.log")
        self.addCleanup(self.gateway.stop)
        self.gateway.wait_for("listening (TCP)")

    def log_in(self, name, *answers, caller="home"):
        command = ["openconnect", "--cafile", self.folder / "cert.pem", "--user", name]
        command.append(tunnel.GATEWAY)
        client = tunnel.travel(caller, command, self.folder / f"{caller}.log")
        try:
            self.answer_next(client, answers)
            if client.wait_for("Configured as", *REFUSED) in REFUSED:
                return battery.REJECT
            tunnel.ping(caller)
            self.seen = tunnel.seen(caller)
            return battery.ACCEPT
        finally:
            client.stop()

    def test_gives_members_of_a_group_its_own_configuration(self):
        self.cluster.run("user", "set", self.alice.name, "--group", "staff")
        self.cluster.run("user", "set", self.guest.name, "--group", "guests")
        self.cluster.run("rule", "add", "all", "--factors", "both", *CLASS)
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        self.assertIn(STAFF_NETWORK, self.seen)
        typed = self.guest.password + self.guest.code()
        self.assertEqual(self.log_in(self.guest.name, typed), ACCEPT)
        self.assertNotIn(STAFF_NETWORK, self.seen)


# How ocserv reads groups.
CLASS = ["--attribute", "Class=OU={groups:;}"]
STAFF_NETWORK = "192.0.2.0/24"
# The Reply-Message, which the traveller is shown; after a challenge ocserv just ends it.
REFUSED = "Access denied (ref ", "401 Authentication failed"
