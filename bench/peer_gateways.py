"""The gateways that bench/peers compares: their configurations, one worker each, and starting and stopping them.

Each is set up in its own favour: the cheapest cipher, no log, no tickets, no statistics."""

import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

START_S, STOP_S = 20, 20
CIPHER = "TLS_AES_128_GCM_SHA256"

def descriptors():
	"""How many a process may have here."""
	return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections():
	"""How many a proxy may hold with them: each has two ends."""
	return min(30000, (descriptors() - 200) // 2)



class NotStarted(Exception):
	pass


class Gateway:
	"""One kind of gateway.  modes: plain (TLS to plain), tls (TLS to TLS), mutual (plain, with a client certificate)."""

	name = None
	program = None
	modes = ("plain",)
	raw = True

	def __init__(self, place):
		self.place = place
		self.folder = pathlib.Path(place.folder, self.name)
		self.process = None

	def available(self):
		return shutil.which(self.program, path="/usr/sbin:/usr/bin:/sbin:/bin") is not None

	def version(self):
		return ""

	def start(self, mode):
		self.folder.mkdir(exist_ok=True)
		self.log = open(self.folder / "log", "w")
		self.process = subprocess.Popen(self.command(mode), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
		                                start_new_session=True)
		for _ in range(START_S * 100):
			if self.process.poll() is not None:
				raise NotStarted(f"{self.name} ended: {(self.folder / 'log').read_text()[-2000:]}")
			with socket.socket() as s:
				if s.connect_ex(("127.0.0.1", self.place.port["gateway"])) == 0:
					break
			time.sleep(0.01)
		else:
			self.stop()
			raise NotStarted(f"{self.name} does not listen")
		# its workers come a moment after its socket
		time.sleep(0.3)
		return self.process.pid

	def stop(self):
		"""The whole group: some leave workers behind when the master goes."""
		if self.process is None:
			return
		for sign in signal.SIGTERM, signal.SIGKILL:
			try:
				os.killpg(self.process.pid, sign)
				self.process.wait(STOP_S if sign == signal.SIGTERM else None)
			except ProcessLookupError:
				pass
			except subprocess.TimeoutExpired:
				continue
			if not self.group_lives():
				break
		self.process = None
		self.log.close()

	def group_lives(self):
		for _ in range(200):
			try:
				os.killpg(self.process.pid, 0)
			except ProcessLookupError:
				return False
			time.sleep(0.01)
		return True

	def write(self, name, text):
		path = self.folder / name
		path.write_text(text)
		return str(path)

	def bench_args(self, mode):
		"""What the load generator has to know."""
		args = ["--raw"]
		if mode == "tls":
			args.append("--backend-tls")
		if mode != "mutual":
			args.append("--no-client-certificate")
		return args


class Sallyport(Gateway):
	"""Does its whole job: XMPP, SASL EXTERNAL with a judged certificate, dialback to the backend, every byte scanned."""

	name = "sallyport"
	modes = ("plain", "tls", "mutual")
	raw = False
	workers = 1

	def available(self):
		return os.access(self.place.sallyport, os.X_OK)

	def command(self, mode):
		text = pathlib.Path(self.place.pki, "sallyport.ini").read_text()
		defaults = {"gateway": 25269, "gateway-inner": 15269, "backend": 15270, "dns": 25353}
		for name, port in defaults.items():
			text = text.replace(f":{port}\n", f":{self.place.port[name]}\n")
		text = text.replace("workers = 1\n", f"workers = {self.workers}\n")
		return [self.place.sallyport, "-c", self.write("sallyport.ini", text)]

	def bench_args(self, mode):
		return ["--s2s"] + (["--backend-tls"] if mode == "tls" else [])


class HAProxy(Gateway):
	name = program = "haproxy"
	modes = ("plain", "tls", "mutual")

	def version(self):
		return subprocess.run(["haproxy", "-v"], capture_output=True, text=True).stdout.split(" ")[2]

	def command(self, mode):
		mutual = f" ca-file {self.place.pki}/ca.pem verify required" if mode == "mutual" else ""
		onward = " ssl verify none" if mode == "tls" else ""
		return ["haproxy", "-db", "-f", self.write("haproxy.cfg", f"""\
global
	nbthread 1
	maxconn {connections()}
	ssl-default-bind-ciphersuites {CIPHER}
	ssl-default-server-ciphersuites {CIPHER}
defaults
	mode tcp
	timeout connect 10s
	timeout client 1h
	timeout server 1h
frontend in
	bind 127.0.0.1:{self.place.port['gateway']} ssl crt {self.place.pki}/local-ecdsa.both no-tls-tickets{mutual}
	default_backend out
backend out
	server one 127.0.0.1:{self.place.port['backend']}{onward}
""")]


class Nginx(Gateway):
	name = program = "nginx"
	modes = ("plain", "tls")
	MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"

	def available(self):
		return super().available() and os.path.exists(self.MODULE)

	def version(self):
		return subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]

	def command(self, mode):
		onward = f"proxy_ssl on; proxy_ssl_conf_command Ciphersuites {CIPHER};" if mode == "tls" else ""
		user = "user root;" if os.geteuid() == 0 else ""
		return ["nginx", "-e", str(self.folder / "error.log"), "-p", str(self.folder), "-c", self.write("nginx.conf", f"""\
load_module {self.MODULE};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors()};
pid {self.folder}/nginx.pid;
error_log {self.folder}/error.log;
events {{ worker_connections {descriptors()}; }}
stream {{
	server {{
		listen 127.0.0.1:{self.place.port['gateway']} ssl backlog=4096;
		ssl_certificate {self.place.pki}/local-ecdsa.pem;
		ssl_certificate_key {self.place.pki}/local-ecdsa.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_conf_command Ciphersuites {CIPHER};
		ssl_session_tickets off;
		proxy_pass 127.0.0.1:{self.place.port['backend']};
		proxy_timeout 1h;
		{onward}
	}}
}}
""")]


class Hitch(Gateway):
	name = program = "hitch"

	def version(self):
		said = subprocess.run(["hitch", "--version"], capture_output=True, text=True)
		return (said.stdout + said.stderr).split()[1]

	def command(self, mode):
		user = 'user = "nobody"' if os.geteuid() == 0 else ""
		return ["hitch", "--config=" + self.write("hitch.conf", f"""\
{user}
frontend = {{ host = "127.0.0.1" port = "{self.place.port['gateway']}" }}
backend = "[127.0.0.1]:{self.place.port['backend']}"
pem-file = "{self.place.pki}/local-ecdsa.both"
tls-protos = TLSv1.2 TLSv1.3
ciphersuites = "{CIPHER}"
workers = 1
backlog = 4096
daemon = off
quiet = on
""")]


class Stunnel(Gateway):
	name, program = "stunnel", "stunnel4"

	def version(self):
		said = subprocess.run(["stunnel4", "-version"], capture_output=True, text=True)
		return (said.stdout + said.stderr).split("stunnel ", 1)[1].split()[0]

	def command(self, mode):
		return ["stunnel4", self.write("stunnel.conf", f"""\
foreground = yes
pid =
debug = err
options = NO_TICKET
[s2s]
accept = 127.0.0.1:{self.place.port['gateway']}
connect = 127.0.0.1:{self.place.port['backend']}
cert = {self.place.pki}/local-ecdsa.pem
key = {self.place.pki}/local-ecdsa.key
ciphersuites = {CIPHER}
TIMEOUTidle = 3600
TIMEOUTclose = 0
""")]


ALL = (Sallyport, HAProxy, Nginx, Hitch, Stunnel)
