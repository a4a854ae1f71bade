"""XMPP users.  slixmpp runs on a loop of its own in a thread; tests call plain functions with deadlines."""

import asyncio
import logging
import ssl
import threading
import time

logging.lastResort = None  # slixmpp thinks aloud, already when it is imported
import slixmpp  # noqa: E402

from .proc import LabError  # noqa: E402

PASSWORD = "secret"
PING = "urn:xmpp:ping"


class _Session(slixmpp.ClientXMPP):
	def __init__(self, jid, host, starttls, report):
		super().__init__(jid, PASSWORD)
		self.report = report
		self.here = host
		self.starttls = starttls
		self.ssl_context = ssl._create_unverified_context()
		self["feature_mechanisms"].unencrypted_plain = True
		self.register_plugin("xep_0199")
		self.register_plugin("xep_0045")
		self.add_event_handler("session_start", self._started)
		self.add_event_handler("failed_all_auth", lambda event: report("end", "authentication failed"))
		self.add_event_handler("disconnected", lambda event: report("end", "disconnected"))
		for event in ("message", "message_error", "groupchat_message", "groupchat_message_error"):
			self.add_event_handler(event, lambda stanza: report("stanza", stanza))
		self.add_event_handler("presence", lambda stanza: report("stanza", stanza))
		self.add_event_handler("presence_error", lambda stanza: report("stanza", stanza))

	async def _started(self, event):
		self.send_presence()
		self.report("online", True)

	def go(self):
		self.connect((self.here, 5222), force_starttls=self.starttls, disable_starttls=not self.starttls)


class Loop:
	"""The thread in which all clients of a run live."""

	def __init__(self):
		self.loop = asyncio.new_event_loop()
		self.thread = threading.Thread(target=self._run, daemon=True)
		self.thread.start()

	def _run(self):
		asyncio.set_event_loop(self.loop)
		self.loop.run_forever()

	def call(self, fn, seconds=20):
		"""Runs fn (plain or coroutine function) in the loop; its result."""
		async def body():
			result = fn()
			return await result if asyncio.iscoroutine(result) or asyncio.isfuture(result) else result
		future = asyncio.run_coroutine_threadsafe(body(), self.loop)
		try:
			return future.result(seconds)
		except TimeoutError:
			future.cancel()
			raise LabError(f"the client did not finish within {seconds} s") from None

	def close(self):
		async def cancel_all():
			tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
			for task in tasks:
				task.cancel()
			await asyncio.gather(*tasks, return_exceptions=True)
		self.call(cancel_all)
		self.loop.call_soon_threadsafe(self.loop.stop)
		self.thread.join(5)
		self.loop.close()


class Client:
	"""One user, online from start() to close()."""

	def __init__(self, loop, jid, host, starttls=True):
		self.loop = loop
		self.jid = jid
		self.host = host
		self.starttls = starttls
		self.session = None
		self.changed = threading.Condition()
		self.stanzas = []
		self.online = False
		self.ended = None

	def start(self):
		def make():
			self.session = _Session(f"{self.jid}/lab", self.host, self.starttls, self._report)
			self.session.go()
		self.loop.call(make)
		self._wait(lambda: self.online, f"{self.jid} to come online", 20)
		return self

	def _report(self, kind, value):
		with self.changed:
			if kind == "stanza":
				self.stanzas.append(value)
			elif kind == "online":
				self.online = True
			else:
				self.ended = value
			self.changed.notify_all()

	def _wait(self, condition, what, seconds):
		end = time.monotonic() + seconds
		with self.changed:
			while True:
				result = condition()
				if result:
					return result
				if self.ended:
					raise LabError(f"{self.jid}: {self.ended} while waiting for {what}")
				if not self.changed.wait(end - time.monotonic()):
					if not condition():
						raise LabError(f"{self.jid} waited {seconds} s in vain for {what}; got "
						               f"{[str(s) for s in self.stanzas][-3:]}")

	def send(self, to, body, kind="chat"):
		"""The id of the message sent."""
		def make():
			message = self.session.make_message(mto=to, mbody=body, mtype=kind)
			message["id"] = self.session.new_id()
			message.send()
			return message["id"]
		return self.loop.call(make)

	def send_raw(self, text):
		self.loop.call(lambda: self.session.send_raw(text))

	def wait(self, match, what, seconds=20):
		"""The first stanza received (ever) for which match(stanza) holds."""
		return self._wait(lambda: next((s for s in self.stanzas if match(s)), None), what, seconds)

	def wait_body(self, body, seconds=20):
		return self.wait(lambda s: s.name == "message" and s["type"] != "error" and s["body"] == body,
		                 f"a message {body!r}", seconds)

	def wait_error(self, stanza_id, seconds=60):
		"""The bounce of a stanza as (condition, text)."""
		s = self.wait(lambda s: s["type"] == "error" and s["id"] == stanza_id, f"the bounce of {stanza_id}", seconds)
		return s["error"]["condition"], s["error"]["text"]

	def ping(self, to, seconds=20):
		"""Round-trip time of an XEP-0199 ping; LabError on an error, or without an answer in time."""
		start = time.monotonic()
		try:
			self.loop.call(lambda: self.session["xep_0199"].send_ping(to, timeout=seconds), seconds + 2)
		except slixmpp.exceptions.IqError as e:
			raise LabError(f"{self.jid}: ping to {to}: {e.condition} {e.text}".rstrip()) from None
		except slixmpp.exceptions.IqTimeout:
			raise LabError(f"{self.jid}: ping to {to}: no answer in {seconds} s") from None
		return time.monotonic() - start

	def join(self, room, nick):
		start = len(self.stanzas)
		self.send_raw(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		return self._wait(lambda: next((s for s in self.stanzas[start:] if s.name == "presence" and
		                                str(s["from"]) == f"{room}/{nick}"), None), f"presence in {room}", 30)

	def close(self):
		if self.session:
			session, self.session = self.session, None
			self.ended = None
			self.loop.call(lambda: session.abort())
