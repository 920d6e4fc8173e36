"""openvpn on both sides; what asks the RADIUS servers is a plugin, of which there are two."""

import battery
import tunnel
from world import Process


class Logins(battery.Challenges, battery.Logins):
    """openvpn asks for the code itself, before it connects (static-challenge)."""

    def plugin(self, servers, secret):
        """The line that brings the plugin in, once its own files are written."""
        raise NotImplementedError

    def set_up(self, servers, secret):
        tunnel.make_certificate(self.folder)
        (self.folder / "ccd").mkdir()
        config = self.folder / "gateway.conf"
        config.write_text(
            f"dev tun\n"
            f"proto udp\n"
            f"local {tunnel.GATEWAY}\n"
            f"keepalive 10 60\n"
            f"topology subnet\n"
            f"server {tunnel.NETWORK} {tunnel.MASK}\n"
            f"ca {self.folder}/cert.pem\n"
            f"cert {self.folder}/cert.pem\n"
            f"key {self.folder}/key.pem\n"
            f"dh none\n"
            f"verify-client-cert none\n"
            f"username-as-common-name\n"
            f"client-config-dir {self.folder}/ccd\n"
            f"status {self.folder}/status 1\n"
            f"tmp-dir {self.folder}\n"
            f"{self.plugin(servers, secret)}\n"
        )
        self.gateway = Process(["openvpn", "--config", config], self.folder / "gateway.log")
        self.addCleanup(self.gateway.stop)
        self.gateway.wait_for("Initialization Sequence Completed")

    def log_in(self, name, *answers, caller="home"):
        password, *codes = answers
        told = self.folder / f"{caller}.told"
        told.write_text(f"{name}\n{password}\n")
        command = ["openvpn", "--client", "--dev", "tun", "--proto", "udp", "--nobind"]
        command += ["--remote", tunnel.GATEWAY, "--ca", self.folder / "cert.pem"]
        command += ["--verify-x509-name", tunnel.NAME, "name", "--auth-user-pass", told]
        if codes:
            command += ["--static-challenge", battery.ASKED, "1"]
        log = self.folder / f"{caller}.log"
        client = tunnel.travel(caller, command, log, at_terminal=True)
        try:
            for code in codes:
                client.wait_for(battery.ASKED)
                client.type(code)
            if client.wait_for("Initialization Sequence Completed", REFUSED) == REFUSED:
                return battery.REJECT
            tunnel.ping(caller)
            self.seen = tunnel.seen(caller)
            return battery.ACCEPT
        finally:
            client.stop()


REFUSED = "AUTH_FAILED"
