"""Memory and descriptors after very many hostile connections, against those after the first few."""

import time

from hostile import Strangers, default_target, truncate_log
from lab.proc import wait_for
from lab.wire import connect, open_external
from surroundings import Surroundings, descriptors, resident_kb
from world import LOCAL, PUBLIC_PORT, REMOTE

# What a sanitizer keeps of freed memory still fills up in a short run.
GROWTH, GROWTH_SHORT = 1.10, 1.30
# All of them shall get in, rather than be turned away at the door.
LIMITS = {"accept-rate": 1000000, "accept-rate-per-address": 1000000, "connections-per-address": 100000}


def settle(world, before):
	"""All that strangers had is gone."""
	pid = world.gateway.pid
	wait_for(lambda: f"{before} descriptors; there are {descriptors(pid)}", lambda: descriptors(pid) <= before, 60)


def is_served(world):
	wire = connect(world.address, PUBLIC_PORT)
	open_external(wire, REMOTE, LOCAL, world.certificates["good"])
	wire.send(f"<message from='a@{REMOTE}' to='b@{LOCAL}'><body>all is well</body></message>")
	wait_for("a stanza at the backend", lambda: b"all is well" in world.backend.forwarded)
	wire.close()


def hostile_connections(options):
	world = Surroundings(options.sallyport, LIMITS)
	try:
		is_served(world)
		time.sleep(0.3)
		pid, at_start = world.gateway.pid, descriptors(world.gateway.pid)
		strangers = Strangers(default_target(world), world.certificates, options.seed)
		memory, first = {}, options.connections // 100 if options.connections >= 100000 else options.connections // 3
		start = time.monotonic()
		for n in range(1, options.connections + 1):
			strangers.one()
			if n == first or n == options.connections:
				crowded = resident_kb(pid)
				strangers.leave()
				settle(world, at_start)
				memory[n] = resident_kb(pid)
				print(f"        {n}: {crowded} KiB, {memory[n]} KiB once they have gone", flush=True)
			if n % 1000 == 0:
				world.gateway.check()
				truncate_log(world.gateway.log)
				if options.long and n % 10000 == 0:
					print(f"        {n} connections, {resident_kb(pid)} KiB, {descriptors(pid)} descriptors", flush=True)
		seconds = time.monotonic() - start
		is_served(world)
		grown = memory[options.connections] / memory[first]
		print(f"        {strangers.opened} connections in {seconds:.0f} s, {strangers.failed} could not be made; resident "
		      f"{memory[first]} KiB after {first}, {memory[options.connections]} KiB after {options.connections} "
		      f"({100 * grown - 100:+.1f} %); descriptors {at_start}, then {descriptors(pid)}", flush=True)
		if grown > (GROWTH if options.long else GROWTH_SHORT):
			yield f"memory has grown by {100 * grown - 100:.1f} %"
		if strangers.failed > options.connections // 100:
			yield f"{strangers.failed} connections could not be made"
		world.end_gateway()
	finally:
		world.stop(False)
