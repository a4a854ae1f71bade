"""jabberd2 with the configuration that Debian installs: domains and paths are changed, nothing else."""

import os
import re
import sqlite3
import time

from .proc import LabError, Log, Process, run

USER = "jabber"
DEBIAN = "/etc/jabberd2"
PASSWORD = "secret"
PARTS = ("router", "sm", "c2s", "s2s")

# The tables that its session manager asks for; Debian's own file lies in /usr/share/doc, which slim images leave out.
TABLES = {
	"active": "time INTEGER NOT NULL DEFAULT 0",
	"logout": "time INTEGER NOT NULL DEFAULT 0",
	"roster-items": 'jid TEXT, name TEXT, "to" BOOLEAN, "from" BOOLEAN, ask INTEGER',
	"roster-groups": 'jid TEXT, "group" TEXT',
	"published-roster": 'jid TEXT, "group" TEXT, name TEXT, "to" BOOLEAN, "from" BOOLEAN, ask INTEGER',
	"published-roster-groups": "groupname TEXT",
	"queue": "xml TEXT NOT NULL",
	"motd-message": "xml TEXT NOT NULL",
	"motd-times": "time INTEGER NOT NULL",
	"privacy-default": '"default" TEXT',
	"privacy-items": 'list TEXT, type TEXT, value TEXT, deny BOOL, "order" INTEGER, block INTEGER',
	"vacation-settings": 'start INTEGER, "end" INTEGER, message TEXT',
	"status": "status TEXT, show TEXT, \"last-login\" INTEGER, \"last-logout\" INTEGER, xml TEXT",
}


class Jabberd2:
	kind = "jabberd2"
	user = USER
	has_rooms = False

	def __init__(self, network, node, folder, hosts, certificates, changes=()):
		"""changes: (file, pattern, replacement) for what a test must change beyond the domains; each must match."""
		self.network = network
		self.node = node
		self.dir = folder
		self.hosts = hosts
		self.certificates = certificates
		self.changes = changes
		self.processes = {}
		self.log = Log(f"{folder}/s2s.log")

	def configure(self):
		os.makedirs(self.dir, exist_ok=True)
		self.pem = self.certificates[0].install_pem(f"{self.dir}/server.pem", USER)
		for part in PARTS:
			with open(f"{DEBIAN}/{part}.xml") as f:
				text = f.read()
			text = re.sub(r"/var/log/jabberd2|/var/run/jabberd2|/var/lib/jabberd2(?=/sqlite)", self.dir, text)
			if part in ("sm", "c2s"):
				text, n = re.subn(r"^( *)(<id[^>]*>)localhost\.localdomain</id>",
				                  lambda m: "\n".join(f"{m[1]}{m[2]}{h}</id>" for h in self.hosts), text, flags=re.MULTILINE)
				if n != 1:
					raise LabError(f"{DEBIAN}/{part}.xml names no domain localhost.localdomain: not Debian's own file?")
			for file, pattern, replacement in self.changes:
				if file == part:
					text, n = re.subn(pattern, replacement.format(pem=self.pem), text)
					if n == 0:
						raise LabError(f"{DEBIAN}/{part}.xml: nothing matches /{pattern}/: not Debian's own file?")
			with open(f"{self.dir}/{part}.xml", "w") as f:
				f.write(text)
		self._database()
		run(["chown", "-R", f"{USER}:", self.dir])

	def _database(self):
		db = sqlite3.connect(f"{self.dir}/sqlite.db")
		db.execute("CREATE TABLE IF NOT EXISTS authreg (username TEXT, realm TEXT, password TEXT)")
		for table, columns in TABLES.items():
			db.execute(f'CREATE TABLE IF NOT EXISTS "{table}" '
			           f'("collection-owner" TEXT NOT NULL, "object-sequence" INTEGER PRIMARY KEY, {columns})')
		db.commit()
		db.close()

	def start(self):
		self.configure()
		self.launch()

	def launch(self):
		for part, port in (("router", 5347), ("sm", None), ("c2s", 5222), ("s2s", 5269)):
			command = self.network.command(self.node, f"jabberd2-{part}", "-c", f"{self.dir}/{part}.xml", user=USER)
			log = Log(f"{self.dir}/{part}.log")
			start = log.size()
			process = Process(f"jabberd2-{part} on {self.node}", command, f"{self.dir}/{part}.console")
			self.processes[part] = process
			ready = r"ready for sessions" if part == "sm" else None
			process.wait_ready("come up", lambda: (log.find(ready, start) if ready else True) and
			                   (self.network.listening(self.node, port) if port else True))
		routed = Log(f"{self.dir}/router.log")
		self.processes["s2s"].wait_ready("be the default route", lambda: routed.find(r"default route"))

	def register(self, user, host):
		db = sqlite3.connect(f"{self.dir}/sqlite.db")
		db.execute("INSERT INTO authreg VALUES (?, ?, ?)", (user, host, PASSWORD))
		db.execute('INSERT INTO active ("collection-owner", time) VALUES (?, ?)', (f"{user}@{host}", int(time.time())))
		db.commit()
		db.close()

	def forget_failures(self):
		"""It keeps a list of bad hosts for an hour; a new s2s process knows none."""
		self.processes["s2s"].stop()
		start = Log(f"{self.dir}/router.log").size()
		command = self.processes["s2s"].command
		self.processes["s2s"] = Process("jabberd2-s2s", command, f"{self.dir}/s2s.console")
		self.processes["s2s"].wait_ready("come back", lambda: Log(f"{self.dir}/router.log").find("default route", start))

	def stop(self):
		for part in reversed(PARTS):
			if part in self.processes:
				self.processes.pop(part).stop()
