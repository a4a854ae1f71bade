"""The commands that ask nobody: verify, explain, scan, and what init and undo say where there is nothing for them to do."""

from stage import case
from world import REMOTE

STREAM = ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
          "<message from='a@peer.test' to='b@a.test'><body>hi</body></message><presence from='peer.test' to='a.test'/>")


def verify(stage, name, *words):
	made, root = stage.world.certificates, f"{stage.world.folder}/ca/root.crt"
	stage.run_alone(f"verify --trust {root} --untrusted {made[name].chain} {' '.join(words)} {made[name].chain}", width=200)


@case("verify")
def judge(stage):
	verify(stage, "good", "--domain", REMOTE)
	verify(stage, "expired", "--domain", REMOTE)
	verify(stage, "good", "--domain", "other.test")
	verify(stage, "selfsigned", "--domain", REMOTE, "--json")
	verify(stage, "good", "--at", "yesterday")
	stage.run_alone("verify", width=100)


@case("explain")
def explain(stage):
	stage.run_alone("explain SP-CERT-EXPIRED", width=100)
	stage.run_alone("explain SP-CERT-EXPIRD", width=100)


@case("scan")
def scan(stage):
	path = f"{stage.world.folder}/stream.xml"
	for text in (STREAM, f"{STREAM}<iq></message>"):
		with open(path, "w") as f:
			f.write(text)
		stage.run_alone(f"scan --chunk 7 {path}", width=100)
	stage.run_alone("scan /nowhere", width=100)


@case("init-nothing")
def init(stage):
	empty = f"{stage.world.folder}/ca"
	stage.run_alone(f"init --dry-run --root {empty}", width=100)
	stage.run_alone(f"undo --root {empty}", width=100)
