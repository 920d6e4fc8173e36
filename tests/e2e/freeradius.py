"""FreeRADIUS as the old server: it knows one person, and grants more than is relayed.

That of Debian 12 is older than CVE-2024-3596, and signs its replies only where it is told to.
"""

from world import Process, until

SECRET = "between-old-and-new-alone"
# The one that the nodes of a demo may forward to.
AT = "127.0.0.1"


class FreeRadius:
    def __init__(self, folder, name, password):
        self.name, self.log = name, folder / "old" / "radius.log"
        self.log.parent.mkdir()
        config = CONFIG.replace("NAME", name).replace("PASSWORD", password)
        config = config.replace("FOLDER", str(self.log.parent)).replace("SECRET", SECRET)
        (self.log.parent / "radiusd.conf").write_text(config)
        command = ["freeradius", "-f", "-d", self.log.parent]
        self.server = Process(command, folder / "freeradius.log")

        def ready():
            if self.server.child.poll() is not None:
                raise AssertionError(f"FreeRADIUS has ended:\n{self.said()}")
            return "Ready to process requests" in self.said()

        until("FreeRADIUS answers", ready)

    def stop(self):
        self.server.stop()

    def said(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def questions(self):
        """How often it was asked, retries left out: it tells one line of each login."""
        lines = self.said().splitlines()
        told = ("Login OK: [", "Login incorrect")
        return sum(any(word in line for word in told) for line in lines)


CONFIG = """
prefix = /usr
name = radius
localstatedir = FOLDER
logdir = FOLDER
run_dir = FOLDER
libdir = /usr/lib/freeradius
pidfile = FOLDER/pid
log {
	destination = files
	file = FOLDER/radius.log
	auth = yes
}
security {
	reject_delay = 0
	status_server = yes
}
client nodes {
	ipaddr = 127.0.0.1
	secret = SECRET
	require_message_authenticator = yes
}
modules {
	pap {
	}
	always ok {
		rcode = ok
	}
}
server old {
	listen {
		type = auth
		ipaddr = 127.0.0.1
		port = 1812
	}
	authorize {
		if (&User-Name == "NAME") {
			update control {
				&Cleartext-Password := "PASSWORD"
			}
		}
		pap
		Autz-Type Status-Server {
			update reply {
				&Message-Authenticator := 0x00
			}
			ok
		}
	}
	authenticate {
		Auth-Type PAP {
			pap
		}
	}
	post-auth {
		update reply {
			&Reply-Message := "welcome"
			&Class := "OU=staff;"
			&Filter-Id := "everything"
			&Session-Timeout := 60
			&Fortinet-Group-Name := "staff"
			&Fortinet-Access-Profile := "super_admin"
			&Message-Authenticator := 0x00
		}
		Post-Auth-Type REJECT {
			update reply {
				&Message-Authenticator := 0x00
			}
		}
	}
}
"""
