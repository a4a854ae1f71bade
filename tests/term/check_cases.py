"""check and ping: a server that is good, one that warns, one that is refused, and one that cannot be tested."""

from lab.wire import RawServer, accept_external
from stage import case
from world import LOCAL, PEER_PORT, REMOTE


def serve(stage, certificate):
	"""The remote domain's server, which takes whatever certificate it is shown."""
	def script(wire):
		accept_external(wire, REMOTE, stage.world.certificates[certificate])
		wire.expect("</stream:stream>")
		wire.send("</stream:stream>")
		wire.expect_end()
	return RawServer(stage.world.address, PEER_PORT, script)


def look(stage):
	for command in ("check", "ping"):
		stage.run_alone(f"{command} -c {stage.world.config} --from {LOCAL} --timeout 2 {REMOTE}", width=100)


@case("check-good")
def good(stage):
	server = serve(stage, "serveronly")
	try:
		look(stage)
	finally:
		server.stop()


@case("check-refused")
def refused(stage):
	server = serve(stage, "expired")
	try:
		look(stage)
	finally:
		server.stop()


@case("check-cannot-test")
def cannot_test(stage):
	look(stage)
	stage.run_alone(f"check -c {stage.world.config} --from {LOCAL} {REMOTE}", width=60)


@case("check-own")
def own(stage):
	stage.run_alone(f"check -c {stage.world.config} {LOCAL}", width=100)


@case("check-many", more="[peer denied.test]\ndeny = yes\nnote = as agreed\n")
def many(stage):
	server = serve(stage, "selfsigned")
	try:
		stage.run_alone(f"check -c {stage.world.config} --from {LOCAL} --timeout 2 {REMOTE} denied.test nowhere.test", width=100)
	finally:
		server.stop()


@case("check-words")
def words(stage):
	stage.run_alone("check", width=100)
	stage.run_alone("ping peer.test", width=100)
	stage.run_alone("check --from nobody.test -c nowhere.ini peer.test", width=100)
	stage.run_alone(f"check --from nobody.test -c {stage.world.config} peer.test", width=100)
	stage.run_alone("check --timeout soon peer.test", width=100)
	stage.run_alone("check --colour peer.test", width=100)
	stage.run_alone("check not_a_domain@x", width=100)
