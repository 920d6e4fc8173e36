"""What a device does with one request after another, by radclient."""

import re

import battery
import radclient
from world import ADDRESSES


class Device(battery.Persistence, battery.Logins):
    """A client that can answer a challenge, and reads what an Accept carries."""

    def ask_each(self, request):
        """The verdict of the first server that says anything, and all that is printed of it."""
        raise NotImplementedError

    def log_in(self, name, *answers, caller="home"):
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

    def test_is_told_the_groups_in_each_form(self):
        self.cluster.run("user", "set", self.alice.name, "--group", "staff", "--group", "vpn-a")
        granted = ["Class=OU={groups};", "Filter-Id={group:vpn-}", "Fortinet-Group-Name={groups}"]
        attributes = [word for it in granted for word in ("--attribute", it)]
        self.cluster.run("rule", "add", "all", "--factors", "both", *attributes)
        request = {"User-Name": self.alice.name, "User-Password": self.typed}
        verdict, said = self.ask_each(request)
        self.assertEqual(verdict, battery.ACCEPT)
        classes = [f"Class = 0x{f'OU={it};'.encode().hex()}" for it in ("staff", "vpn-a")]
        groups = [f'Fortinet-Group-Name = "{it}"' for it in ("staff", "vpn-a")]
        for line in (*classes, 'Filter-Id = "vpn-a"', *groups):
            self.assertIn(line, said)


def first_word(servers, secret, request):
    """What the first of these servers says that says anything."""
    for server in servers:
        said = radclient.ask(server, secret, request)
        verdict = radclient.verdict(said)
        if verdict != battery.SILENCE:
            break
    return verdict, said
