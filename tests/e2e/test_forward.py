"""A rule that forwards users without a token to an old server, which is FreeRADIUS."""

import re
import time
from datetime import datetime, timezone
from pathlib import Path

import battery
import freeradius
import radclient
from battery import ACCEPT, REJECT, WRONG_PASSWORD
from world import ADDRESSES, until

OLD_PASSWORD = "0ld & pa55word"
FORWARDED, CAME_BACK = "CS-R116", "CS-R512"
# What of the old server's Accept is allowed, as radclient shows it.
RELAYED = ["Class = 0x4f553d73746166663b", 'Fortinet-Group-Name = "staff"']


class Forward(battery.Case):
    def set_up(self, servers, secret):
        self.servers, self.secret = servers, secret
        self.old = freeradius.FreeRadius(self.folder, self.guest.name, OLD_PASSWORD)
        self.addCleanup(self.old.stop)
        for token in self.cluster.run("token", "list", "--owner", self.guest.name):
            self.cluster.run("token", "remove", str(token["id"]))
        settings = self.cluster.folder / "settings.toml"
        settings.write_text(settings.read_text() + FORWARD)
        self.cluster.run("settings", "apply", settings)
        forward = ["--factors", "forward", "--to", "old", "--until", moment(time.time() + 3600)]
        self.cluster.run("rule", "add", "old", *forward)
        self.cluster.run("rule", "add", "all", "--factors", "both")

    def log_in(self, name, *answers, caller="home", node=0, **more):
        request = {"User-Name": name, "User-Password": answers[0]}
        request["Calling-Station-Id"] = ADDRESSES[caller]
        self.said = radclient.ask(self.servers[node], self.secret, {**request, **more})
        return radclient.verdict(self.said)

    def granted(self):
        """What the last reply carries, but what ties it to its request."""
        lines = self.said.partition("Received ")[2].splitlines()[1:]
        lines = [line.strip() for line in lines if line.startswith("\t")]
        return [line for line in lines if not line.startswith("Message-Authenticator")]

    def test_lets_in_whom_the_old_server_lets_in_with_the_attributes_that_are_allowed(self):
        self.assertEqual(self.log_in(self.guest.name, OLD_PASSWORD), ACCEPT)
        self.assertEqual(self.granted(), RELAYED)
        self.assert_ended(FORWARDED, person=self.guest)
        self.assertEqual(self.cluster.questions(self.guest), 0)

    def test_tells_a_retry_at_another_node_the_same_and_asks_the_old_server_once(self):
        for node in range(3):
            self.assertEqual(self.log_in(self.guest.name, OLD_PASSWORD, node=node), ACCEPT)
            self.assertEqual(self.granted(), RELAYED)
        self.assertEqual(self.old.questions(), 1)

    def test_refuses_whom_the_old_server_refuses(self):
        self.assertEqual(self.log_in(self.guest.name, "no" + OLD_PASSWORD), REJECT)
        self.assert_ended(WRONG_PASSWORD, person=self.guest)
        self.assertEqual(self.old.questions(), 1)

    def test_never_asks_the_old_server_about_users_with_a_token(self):
        self.assertEqual(self.log_in(self.alice.name, self.typed), ACCEPT)
        self.assertEqual(self.cluster.questions(self.alice), 1)
        self.assertEqual(self.log_in(self.guest.name, OLD_PASSWORD), ACCEPT)
        seed = self.folder / "seed"
        seed.write_text(self.guest.seed)
        command = ["token", "add", "--owner", self.guest.name, "--seed-file", seed, "--active"]
        self.cluster.run(*command)
        again = self.log_in(self.guest.name, OLD_PASSWORD, caller="elsewhere")
        self.assertEqual(again, REJECT)
        typed = self.guest.password + self.guest.code()
        self.assertEqual(self.log_in(self.guest.name, typed), ACCEPT)
        self.assertEqual(self.granted(), [])
        self.assertEqual(self.old.questions(), 1)

    def test_asks_nobody_any_more_when_the_rule_has_ended(self):
        end = int(time.time()) + 6
        self.cluster.run("rule", "set", "old", "--until", moment(end))
        self.assertEqual(self.log_in(self.guest.name, OLD_PASSWORD), ACCEPT)
        until("the rule has ended", lambda: time.time() > end + 1)
        late = self.log_in(self.guest.name, OLD_PASSWORD, caller="elsewhere")
        self.assertEqual(late, REJECT)
        self.assertEqual(self.old.questions(), 1)

    def test_refuses_a_login_that_comes_back_from_the_old_server(self):
        config = Path(self.servers[0]["config"]).read_text()
        cluster = re.search(r'cluster = "(\w+)"', config)[1]
        mark = {"Proxy-State": f"0x{b'csfw'.hex()}{cluster}{16 * '00'}"}
        back = self.log_in(self.guest.name, OLD_PASSWORD, **mark, **SIGNED)
        self.assertEqual(back, REJECT)
        self.assertEqual(self.old.questions(), 0)
        events = list(self.cluster.events())
        self.assertTrue(any(event["reason"] == CAME_BACK for event in events), events)
        # Any other proxy may stand between.
        other = {"Proxy-State": "0x31"}
        through = self.log_in(self.guest.name, OLD_PASSWORD, **other, **SIGNED)
        self.assertEqual(through, ACCEPT)

    def test_finds_the_old_server_in_order_and_tells_what_is_wrong_with_it(self):
        [found] = self.cluster.run("settings", "test-forward", "old")
        self.assertEqual(found["light"], "green")
        self.old.stop()
        with self.assertRaisesRegex(AssertionError, "1 red"):
            self.cluster.run("settings", "test-forward")
        self.assertEqual(self.log_in(self.guest.name, OLD_PASSWORD), REJECT)


def moment(seconds):
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()


SIGNED = {"Message-Authenticator": "0x00"}
FORWARD = f"""
[[forward]]
name = "old"
servers = ["{freeradius.AT}"]
secret = "{freeradius.SECRET}"
attributes = ["Class", "Fortinet-Group-Name"]
"""
