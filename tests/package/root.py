"""A folder that looks like the root of a Debian machine, as far as sallyportctl init looks at it."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

from lab.ca import CA  # noqa: E402

EJABBERD = "etc/ejabberd/ejabberd.yml"
PROSODY = "etc/prosody/prosody.cfg.lua"
JABBERD2 = "etc/jabberd2/s2s.xml"
# The gateway's; whoever is not root can give files to no other group than his own.
GROUP = 64997 if os.getuid() == 0 else os.getgid()


class Authority:
	"""Makes each certificate once."""

	def __init__(self):
		self.dir = tempfile.mkdtemp(prefix="sallyport-ca-")
		self.ca = CA(f"{self.dir}/ca")

	def close(self):
		shutil.rmtree(self.dir)


class Root:
	def __init__(self, authority, ctl):
		self.ca = authority.ca
		self.ctl = ctl
		self.dir = tempfile.mkdtemp(prefix="sallyport-root-")
		for folder in ("etc/ssl/certs", "var/lib"):
			os.makedirs(f"{self.dir}/{folder}")
		shutil.copy(self.ca.root, f"{self.dir}/etc/ssl/certs/ca-certificates.crt")
		self.write("etc/passwd", f"root:x:0:0::/root:/bin/sh\nsallyport:x:64999:{GROUP}::/:/bin/false\n")
		self.write("etc/group", f"root:x:0:\nsallyport:x:{GROUP}:\nejabberd:x:64998:\n")

	def close(self):
		shutil.rmtree(self.dir)

	def path(self, name):
		return f"{self.dir}/{name}"

	def write(self, name, text, mode=0o644):
		os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
		with open(self.path(name), "w") as f:
			f.write(text)
		os.chmod(self.path(name), mode)

	def read(self, name):
		with open(self.path(name)) as f:
			return f.read()

	def there(self, name):
		return os.path.lexists(self.path(name))

	def certbot(self, name, certificate):
		"""As certbot keeps it: links into a folder that only root may enter."""
		live, archive = f"etc/letsencrypt/live/{name}", f"etc/letsencrypt/archive/{name}"
		os.makedirs(self.path(live))
		os.makedirs(self.path(archive))
		for source, file in ((certificate.chain, "fullchain"), (certificate.key, "privkey")):
			shutil.copy(source, self.path(f"{archive}/{file}1.pem"))
			os.symlink(f"../../archive/{name}/{file}1.pem", self.path(f"{live}/{file}.pem"))
		os.chmod(self.path("etc/letsencrypt/live"), 0o700)

	def run(self, command, *arguments, stdin=subprocess.DEVNULL):
		"""(exit status, what it said), with the folder's own name left out."""
		done = subprocess.run([self.ctl, command, "--root", self.dir, *arguments], stdin=stdin, stdout=subprocess.PIPE,
		                      stderr=subprocess.STDOUT, text=True, timeout=60)
		return done.returncode, done.stdout.replace(self.dir, "ROOT")

	def init(self, *arguments, **more):
		return self.run("init", *arguments, **more)

	def undo(self, *arguments):
		return self.run("undo", *arguments)

	def tree(self):
		"""All that undo has to bring back: names, kinds, modes, owners, what files hold and when they were changed."""
		found = {}
		for where, folders, files in os.walk(self.dir):
			for name in folders + files:
				path = os.path.join(where, name)
				st = os.lstat(path)
				what = (stat.filemode(st.st_mode), st.st_uid, st.st_gid)
				if stat.S_ISLNK(st.st_mode):
					what += (os.readlink(path),)
				elif stat.S_ISREG(st.st_mode):
					with open(path, "rb") as f:
						what += (st.st_mtime_ns, f.read())
				found[path] = what
		return found
