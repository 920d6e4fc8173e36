"""radclient, FreeRADIUS's own client, and what is said of Message-Authenticator."""

import re

import battery
import radclient
from world import ADDRESSES


class Radclient(battery.Persistence, battery.Logins):
    def set_up(self, servers, secret):
        self.servers, self.secret = servers, secret

    def log_in(self, name, *answers, caller="home"):
        """It knows one server only; a device would ask the next with a new packet as well."""
        password, *codes = answers
        request = {"User-Name": name, "User-Password": password}
        request["Calling-Station-Id"] = ADDRESSES[caller]
        verdict, said = self.ask_each(request)
        for code in codes:
            self.assertEqual(verdict, radclient.CHALLENGE)
            self.assertIn(battery.ASKED, said)
            self.before_answer()
            # The State, which no user sees, goes back as it came.
            state = re.search(r"State = (0x[0-9a-f]+)", said)[1]
            verdict, said = self.ask_each({**request, "User-Password": code, "State": state})
        return verdict

    def ask_each(self, request):
        """What the first server says that says anything."""
        for server in self.servers:
            said = radclient.ask(server, self.secret, request)
            verdict = radclient.verdict(said)
            if verdict != battery.SILENCE:
                break
        return verdict, said

    def test_every_reply_begins_with_a_message_authenticator(self):
        # Also to a request that has none. What radclient finds there, it checks.
        for typed, verdict in ((self.typed, battery.ACCEPT), ("no" + self.typed, battery.REJECT)):
            request = {"User-Name": self.alice.name, "User-Password": typed}
            said = radclient.ask(self.servers[0], self.secret, request)
            self.assertEqual(radclient.verdict(said), verdict)
            first = said.partition("Received ")[2].splitlines()[1]
            self.assertIn("Message-Authenticator = 0x", first)

    def test_is_told_the_groups_in_each_form(self):
        self.cluster.run("user", "set", self.alice.name, "--group", "staff", "--group", "vpn-a")
        granted = ["Class=OU={groups};", "Filter-Id={group:vpn-}", "Fortinet-Group-Name={groups}"]
        attributes = [word for it in granted for word in ("--attribute", it)]
        self.cluster.run("rule", "add", "all", "--factors", "both", *attributes)
        request = {"User-Name": self.alice.name, "User-Password": self.typed}
        said = radclient.ask(self.servers[0], self.secret, request)
        self.assertEqual(radclient.verdict(said), battery.ACCEPT)
        classes = [f"Class = 0x{f'OU={it};'.encode().hex()}" for it in ("staff", "vpn-a")]
        groups = [f'Fortinet-Group-Name = "{it}"' for it in ("staff", "vpn-a")]
        for line in (*classes, 'Filter-Id = "vpn-a"', *groups):
            self.assertIn(line, said)

    def test_hears_nothing_without_the_message_authenticator_that_its_entry_requires(self):
        secret = self.add_client("strict", "127.0.0.4", "require")
        request = {"User-Name": self.alice.name, "User-Password": self.typed}
        said = radclient.ask(self.servers[0], secret, request, "127.0.0.4")
        self.assertEqual(radclient.verdict(said), battery.SILENCE)
        self.assertEqual(self.cluster.questions(self.alice), 0)
        request["Message-Authenticator"] = "0x00"
        said = radclient.ask(self.servers[0], secret, request, "127.0.0.4")
        self.assertEqual(radclient.verdict(said), battery.ACCEPT)
