"""radclient, FreeRADIUS's own client, and what is said of Message-Authenticator."""

import battery
import device
import radclient


class Radclient(device.Device):
    def set_up(self, servers, secret):
        self.servers, self.secret = servers, secret

    def ask_each(self, request):
        """radclient knows one server only; a device would ask the next as well."""
        return device.first_word(self.servers, self.secret, request)

    def test_every_reply_begins_with_a_message_authenticator(self):
        # Also to a request that has none. What radclient finds there, it checks.
        for typed, verdict in ((self.typed, battery.ACCEPT), ("no" + self.typed, battery.REJECT)):
            request = {"User-Name": self.alice.name, "User-Password": typed}
            said = radclient.ask(self.servers[0], self.secret, request)
            self.assertEqual(radclient.verdict(said), verdict)
            first = said.partition("Received ")[2].splitlines()[1]
            self.assertIn("Message-Authenticator = 0x", first)

    def test_hears_nothing_without_the_message_authenticator_that_its_entry_requires(self):
        secret = self.add_client("strict", "127.0.0.4", "require")
        request = {"User-Name": self.alice.name, "User-Password": self.typed}
        said = radclient.ask(self.servers[0], secret, request, "127.0.0.4")
        self.assertEqual(radclient.verdict(said), battery.SILENCE)
        self.assertEqual(self.cluster.questions(self.alice), 0)
        request["Message-Authenticator"] = "0x00"
        said = radclient.ask(self.servers[0], secret, request, "127.0.0.4")
        self.assertEqual(radclient.verdict(said), battery.ACCEPT)
