"""No descriptor is left: the gateway waits without effort, and goes on when there are some again."""

import resource
import socket
import time

from lab.proc import LabError, wait_for
from surroundings import Surroundings, cpu_seconds, descriptors, network
from memory import is_served
from world import PUBLIC_PORT

WAIT_S = 2


def no_descriptors(options):
	world = Surroundings(options.sallyport, {})
	held = []
	try:
		is_served(world)
		pid = world.gateway.pid
		starved = network(pid)
		time.sleep(0.3)
		limits = resource.prlimit(starved, resource.RLIMIT_NOFILE)
		resource.prlimit(starved, resource.RLIMIT_NOFILE, (descriptors(pid) + 3, limits[1]))
		start, lines = cpu_seconds(pid), len(world.gateway.log.lines("event=accept"))
		held = [socket.create_connection((world.address, PUBLIC_PORT), 5) for _ in range(20)]
		wait_for("a word about it in the log", lambda: world.gateway.log.find("event=accept .*Too many open files"))
		time.sleep(WAIT_S)
		used, said = cpu_seconds(pid) - start, len(world.gateway.log.lines("event=accept")) - lines
		if used > WAIT_S / 4:
			yield f"it used {used:.2f} s of CPU in {WAIT_S} s of waiting"
		if said > 3:
			yield f"it said {said} times that there are no descriptors"
		resource.prlimit(starved, resource.RLIMIT_NOFILE, limits)
		for s in held:
			s.sendall(b"<?xml version='1.0'?><a/>")
			s.settimeout(5)
			if not s.recv(1):
				yield "a connection that had waited was dropped"
		is_served(world)
		world.end_gateway()
	except TimeoutError as error:
		raise LabError(f"a connection that had waited was forgotten: {error}") from None
	finally:
		for s in held:
			s.close()
		world.stop(False)
