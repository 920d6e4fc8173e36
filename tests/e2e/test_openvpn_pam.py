"""openvpn and its own auth-pam, before libpam-radius-auth."""

from pathlib import Path

import openvpn
import pam


class OpenVpnPam(openvpn.Logins):
    def plugin(self, servers, secret):
        pam.write_service(self.folder, servers, secret)
        plugin = next(Path("/usr/lib").glob("*/openvpn/plugins/openvpn-plugin-auth-pam.so"))
        return f'plugin {plugin} "{pam.SERVICE} {PROMPTS}"'


# How the prompts begin, and what of the client's answers belongs there.
PROMPTS = "login USERNAME password PASSWORD Code OTP"
