"""The standing topology of the tests: one old server behind one gateway, and one strict peer with several domains.

Remote domains, all served by the strict peer; each can be reached in exactly one way:
  strict.lab  STARTTLS on 5269            direct.lab  direct TLS only, on 5270
  odd.lab     STARTTLS on port 5299       six.lab     STARTTLS on 5269, IPv6 only
Local domains, all served by the old server:
  old.lab     SRV to port 5269            old-direct.lab  only _xmpps-server, to the same port 5269
  old-odd.lab SRV to the gateway's own port, IPv6 only
"""

from lab.ejabberd import Ejabberd
from lab.gateway import PUBLIC_PORT, Gateway, Host
from lab.jabberd2 import Jabberd2
from lab.proc import LabError, wait_for
from lab.prosody import LegacyProsody, StrictPeer

PEER, PEER_DIRECT, PEER_ODD, NOBODY, OLD = 2, 3, 4, 9, 11
REMOTE = ("strict.lab", "direct.lab", "odd.lab", "six.lab")
LOCAL = ("old.lab", "old-direct.lab", "old-odd.lab")

# What each server's configuration needs beyond host names, for each setting of TLS on the leg to it.
EJABBERD_TLS = {
	"required": (),
	"off": ((r"^s2s_use_starttls: required$", "s2s_use_starttls: false"),),
}
PROSODY_TLS = {
	"required": (),
	"off": ((r'^\t\t"tls";.*$', ""), (r"^s2s_secure_auth = false$",
	        "s2s_secure_auth = false\ns2s_require_encryption = false\n"
	        "c2s_require_encryption = false\nallow_unencrypted_plain_auth = true")),
}
JABBERD2_TLS = {
	"off": (),
	"required": (("s2s", r"(?s)(<local>.*?)<!--\s*(<pemfile>)[^<]*(</pemfile>)\s*-->", r"\1\2{pem}\3"),
	             ("s2s", r"<!--\s*<require_tls/>\s*-->", "<require_tls/>")),
}
BACKENDS = {
	"ejabberd": (Ejabberd, EJABBERD_TLS),
	"Prosody": (LegacyProsody, PROSODY_TLS),
	"jabberd2": (Jabberd2, JABBERD2_TLS),
}
DEBIAN_TLS = {"ejabberd": "required", "Prosody": "required", "jabberd2": "off"}


def dns_of_peer(lab):
	dns = lab.dns
	dns.host("strict.lab", PEER)
	dns.srv("strict.lab", "strict.lab", 5269)
	# jabberd2 looks up _xmpp-server and addresses only, and has to leave for somewhere: nothing answers there.
	dns.host("direct.lab", NOBODY, v6=False)
	dns.host("xmpp.direct.lab", PEER_DIRECT)
	dns.srv("direct.lab", "xmpp.direct.lab", 5270, direct=True)
	dns.host("xmpp.odd.lab", PEER_ODD, v6=False)
	dns.srv("odd.lab", "xmpp.odd.lab", 5299)
	dns.host("xmpp.six.lab", PEER, v4=False)
	dns.srv("six.lab", "xmpp.six.lab", 5269)


def dns_of_old(lab, n=OLD, domain="old"):
	dns = lab.dns
	dns.host(f"{domain}.lab", n)
	dns.srv(f"{domain}.lab", f"{domain}.lab", 5269)
	dns.srv(f"conference.{domain}.lab", f"{domain}.lab", 5269)
	dns.host(f"xmpp.{domain}-direct.lab", n, v6=False)
	dns.srv(f"{domain}-direct.lab", f"xmpp.{domain}-direct.lab", 5269, direct=True)
	dns.host(f"xmpp.{domain}-odd.lab", n, v4=False)
	dns.srv(f"{domain}-odd.lab", f"xmpp.{domain}-odd.lab", PUBLIC_PORT)


def add_peer(lab, hosts=REMOTE, certificates=None, rooms=(), options=()):
	"""The strict peer, running, with a user bob on each host."""
	network = lab.network
	network.add_node("peer", PEER)
	for n in (PEER_DIRECT, PEER_ODD):
		network.add_address("peer", n)
	certificates = certificates or [lab.ca.leaf(*hosts, *rooms)]
	options = {"s2s_direct_tls_interfaces": [network.v4(PEER_DIRECT), network.v6(PEER_DIRECT)],
	           "s2s_interfaces": [network.v4(PEER), network.v6(PEER)], **dict(options)}
	peer = lab.own(StrictPeer(network, "peer", lab.folder("peer"), hosts, certificates, rooms, options))
	network.run("peer", "nft", "-f", "-", input=f"""
table ip odd {{
	chain in {{
		type nat hook prerouting priority -100;
		ip daddr {network.v4(PEER_ODD)} tcp dport 5299 dnat to {network.v4(PEER)}:5269
	}}
}}""")
	peer.start()
	for host in hosts:
		peer.register("bob", host)
	return peer


def add_old(lab, kind, tls, hosts=LOCAL, node="old", n=OLD, certificate=None, changes=()):
	"""An old server, running, with a user alice on each host.  Its certificate is self-signed unless one is given.

	changes: what a test must change in its configuration beyond host names."""
	make, settings = BACKENDS[kind]
	lab.network.add_node(node, n)
	certificate = certificate or lab.ca.self_signed(*hosts)
	old = lab.own(make(lab.network, node, lab.folder(node), hosts, [certificate], (*settings[tls], *changes)))
	old.clients_use_tls = not (kind == "jabberd2" or (kind == "Prosody" and tls == "off"))
	old.start()
	for host in hosts:
		old.register("alice", host)
	return old


def add_gateway(lab, old, settings=(), hosts=None, **more):
	"""The gateway in the old server's node, running, and the redirect in force."""
	if hosts is None:
		hosts = [Host(h, lab.ca.leaf(h, f"conference.{h}"), [f"conference.{h}"]) for h in old.hosts]
	gateway = lab.own(Gateway(lab.network, old.node, lab.folder(f"gateway-{old.node}"), hosts, old.user, settings, **more))
	gateway.start()
	gateway.redirect()
	return gateway


def deliver(sender, receiver, body, seconds=25):
	"""Sends a message and waits until it is there; LabError with the bounce if it came back."""
	sent = sender.send(receiver.jid, body)

	def arrived():
		for s in list(sender.stanzas):
			if s["type"] == "error" and s["id"] == sent:
				raise LabError(f"{sender.jid} -> {receiver.jid}: bounced: {s['error']['condition']} {s['error']['text']!r}")
		return any(s.name == "message" and s["type"] != "error" and s["body"] == body for s in list(receiver.stanzas))
	wait_for(f"{body!r} from {sender.jid} at {receiver.jid}", arrived, seconds)
