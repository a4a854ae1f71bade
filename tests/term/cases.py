"""The commands that ask the daemon."""

import os
import re
import socket
import threading

from stage import NOBODY, case
from world import LOCAL, REMOTE

LONG = "a-very-long-name-that-no-terminal-has-room-for.and-one-more-label-of-some-length.peer.test"


def is_open(rows):
	return any(r["domain"] == REMOTE and r["in"]["open"] for r in rows)


@case("status")
def status(stage):
	stage.settle()
	stage.run("status")
	stage.peer_in()
	stage.wait_rows("peers", is_open)
	stage.run("status")
	stage.run_json("status")


@case("streams")
def streams(stage):
	stage.run("streams")
	stage.peer_in().send(f"<message from='{REMOTE}' to='{LOCAL}'><body>x</body></message>".encode(), 5)
	stage.wait_rows("streams", lambda rows: rows and all(r["stanzas"] for r in rows))
	stage.run("streams")
	stage.run("streams", width=140)
	stage.run("streams other.test")
	stage.run(f"streams {REMOTE.upper()}", width=140)
	stage.run("streams *.test", width=140)
	stage.run_json("streams")


@case("peers")
def peers(stage):
	stage.run("peers")
	stage.run(f"peers {REMOTE}")
	stage.peer_refused(REMOTE, "expired")
	stage.peer_refused(REMOTE, "expired")
	stage.run("peers")
	stage.run(f"peers {REMOTE}")
	stage.peer_in().close()
	stage.wait_rows("peers", lambda rows: rows[0]["in"]["last_success"] and not rows[0]["in"]["open"])
	stage.run(f"peers {REMOTE}")
	stage.run_json("peers")


@case("peers-out")
def peers_out(stage):
	stage.edit("retry = 0s", "retry = 1h")
	stage.run("reload")
	stage.reach_out()
	stage.wait_rows("peers", lambda rows: any(r["out"]["next_retry"] for r in rows))
	stage.run(f"peers {REMOTE}")
	rows = stage.rows("peers")
	left = rows[0]["out"]["next_retry"] - rows[0]["out"]["last_failure"]
	stage.note("peers --json", f"the next attempt comes {left} s after the last failure\n", 0)


@case("denied", more="[peer peer.test]\ndeny = yes\nnote = as agreed\n")
def denied(stage):
	stage.reach_out()
	stage.wait_rows("peers", lambda rows: any(r["out"]["streak"] for r in rows))
	stage.run("peers peer.test")


@case("narrow")
def narrow(stage):
	stage.peer_refused(LONG)
	stage.run("peers", width=72)
	stage.run("peers", width=40)
	stage.run_piped("peers")


@case("close")
def close(stage):
	peer = stage.peer_in()
	stage.wait_rows("peers", is_open)
	stage.run("close other.test")
	stage.run(f"close {REMOTE}")
	peer.wait("</stream:stream>", 5)
	peer.close()
	stage.wait_rows("peers", lambda rows: not is_open(rows))
	stage.run(f"peers {REMOTE}")
	stage.run("close")
	stage.run("close not/a/domain")


@case("certs")
def certs(stage):
	stage.settle()
	stage.run("certs")
	stage.run("certs --expiring 3d")
	stage.run("certs --expiring 1h")
	stage.run("certs --expiring soon")
	stage.run_json("certs")


@case("certs-missing", more="[certificates]\ndirectory = FOLDER/ca\n[host uncovered.test]\n")
def certs_missing(stage):
	stage.settle()
	stage.run("certs", width=120)
	stage.run("status")


@case("log")
def log(stage):
	stage.run("log")
	stage.run("log example.org debug 10m")
	stage.run("log *.example.net warning 1d2h")
	stage.run("log example.org off")
	stage.run("log example.org off")
	stage.run("log")
	stage.run("log example.org")
	stage.run("log example.org loud 10m")
	stage.run("log example.org debug soon")
	stage.run("log x..y debug 10m")
	for i in range(15):
		stage.rows(f"log d{i}.test debug 1h")
	stage.run("log one-too-many.test debug 1h")


@case("log-level")
def log_level(stage):
	"""More is logged about one domain, about no other, and only as long as it is wanted."""
	stage.edit("log-level = debug", "log-level = error")
	stage.run("reload")
	terminal = stage.watch("watch")
	stage.peer_refused("other.test")
	stage.run(f"log {REMOTE} info 1h")
	stage.peer_refused(REMOTE, "expired")
	stage.peer_refused("another.test")
	stage.run(f"log {REMOTE} off")
	stage.peer_refused(REMOTE, "expired")
	stage.run("log *.end.test info 1h")
	stage.peer_refused("the.end.test")
	terminal.wait_for(r"the\.end\.test")
	terminal.interrupt()
	lines = re.findall(r"level=(\w+) event=(\S+) reason=(\S+).* from=(\S+)", terminal.text)
	stage.note("watch", "".join(" ".join(line) + "\n" for line in lines), "Ctrl-C")


@case("log-reverts")
def log_reverts(stage):
	stage.run("log example.org debug 1s")
	stage.wait_rows("log", lambda rows: not rows)
	stage.run("log")


@case("watch")
def watch(stage):
	terminal = stage.watch(f"watch {REMOTE}")
	stage.peer_refused("other.test")
	stage.peer_refused(REMOTE, "expired")
	stage.end_watch(f"watch {REMOTE}", terminal, "event=stream-end.*SP-CERT-EXPIRED")


@case("reload")
def reload(stage):
	stage.settle()
	stage.run("reload")
	stage.edit("\nserver = ", "\nsrver = ")
	stage.run("reload")
	stage.run("status")
	stage.edit("\nsrver = ", "\nserver = ")
	stage.edit("own.key", "second.key")
	stage.run("reload")
	stage.edit("second.key", "own.key")
	stage.run("reload")


@case("reload-changes")
def reload_changes(stage):
	"""What the file says that it did not; streams that are still allowed stay."""
	stage.peer_in()
	stage.wait_rows("peers", is_open)
	stage.edit("stall = 3s", "stall = 4s")
	stage.edit("[host b.test]", "[host c.test]")
	stage.edit("[dns]", "[peer evil.test]\ndeny = yes\n[peer *.evil.test]\n[dns]")
	stage.run("reload")
	stage.edit("deny = yes", "deny = no\nnote = better now")
	stage.edit("[peer *.evil.test]\n", "")
	stage.edit("[host c.test]", "[host c.test]\nsubdomains = *")
	stage.run("reload")
	stage.run("reload")
	stage.run_json("reload")
	stage.note("peers --json", f"{stage.rows('peers')[0]['in']['open']} open\n", 0)


@case("drain")
def drain(stage):
	stage.peer_in()
	stage.wait_rows("peers", is_open)
	stage.run("drain")
	stage.daemon_ends()
	stage.run("status")


@case("unreachable")
def unreachable(stage):
	stage.run("status", where="/tmp/no-such-folder/control")
	stage.run("status", where="/tmp/" + "x" * 200)
	stage.kill_daemon()
	stage.run("status")
	stage.run("watch")


@case("impostors")
def impostors(stage):
	"""Others that answer there, each in its way."""
	for name, answer in (("garbage", b"220 mail.test ESMTP\r\n"), ("silent", b""), ("half", b'{"type":"status"')):
		path = f"{stage.folder}/{name}"
		server = socket.socket(socket.AF_UNIX)
		server.bind(path)
		server.listen(1)

		def serve(server=server, answer=answer):
			with server, server.accept()[0] as one:
				one.recv(100)
				one.sendall(answer)

		thread = threading.Thread(target=serve)
		thread.start()
		stage.run("status", where=path)
		thread.join()


@case("permission")
def permission(stage):
	os.chmod(stage.folder, 0o755)
	stage.run("status", user=NOBODY)


@case("may-look")
def may_look(stage):
	os.chmod(stage.folder, 0o755)
	stage.edit("[public]", "[control]\nmode = 0666\n[public]")
	stage.edit(f"[control]\nsocket = {stage.folder}/control\n[control]", f"[control]\nsocket = {stage.folder}/control")
	stage.run("reload")
	for words in ("peers", "reload", "drain", "close peer.test", "log peer.test debug 1h", "log"):
		stage.run(words, user=NOBODY)


@case("usage")
def usage(stage):
	for words in ("no-such-command", "status --jsno", "status --socket", "peers a b", "explain SP-CERT-EXPIRED",
	              "explain SP-NONSENSE", "explain"):
		stage.run_alone(words)
