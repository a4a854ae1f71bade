#!/usr/bin/env python3
"""sallyportctl init and undo, below a folder that stands for a machine's root.

usage: test_init.py SALLYPORTCTL [CASE]"""

import contextlib
import os
import pty
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from cases import Cases, Skip, expect, has, lacks, same  # noqa: E402
from root import EJABBERD, GROUP, JABBERD2, PROSODY, Authority, Root  # noqa: E402

suite = Cases()
case = suite.case

SMALL = """\
hosts:
  - old.lab
listen:
  -
    port: 5269
    module: ejabberd_s2s_in
modules:
  mod_muc: {}
  mod_s2s_dialback: {}
"""
INI, RULES = "etc/sallyport/sallyport.ini", "etc/sallyport/sallyport.nft"
HOOK = "etc/letsencrypt/renewal-hooks/deploy/sallyport"
DROP_IN = "etc/systemd/system/sallyport.service.d/init.conf"
JOURNAL = "var/lib/sallyportctl/init.journal"

GOLDEN = """\
Looking for the server and its certificates:
  found    its configuration /etc/ejabberd/ejabberd.yml
  found    old.lab: certificate /etc/letsencrypt/live/old.lab/fullchain.pem
  note     old.lab: user sallyport cannot read /etc/letsencrypt/live/old.lab/privkey.pem and gets a copy
What will change:
  folder   ROOT/etc/sallyport
  folder   ROOT/etc/sallyport/certs
  folder   ROOT/etc/sallyport/certs/old.lab
  copy     ROOT/etc/sallyport/certs/old.lab/fullchain.pem
  copy     ROOT/etc/sallyport/certs/old.lab/privkey.pem
  create   ROOT/etc/sallyport/sallyport.ini
           | # Written by sallyportctl init, for ejabberd as /etc/ejabberd/ejabberd.yml has it.
           | # Every option there is: man sallyport.ini.  After a change: systemctl reload sallyport
           | # To take it all out again: sallyportctl undo
           | 
           | [global]
           | user = sallyport
           | 
           | # What the world opens to this machine's s2s port is brought here (/etc/sallyport/sallyport.nft).
           | [public]
           | listen = 0.0.0.0:25269 [::]:25269
           | 
           | # connect: its own s2s listener.  listen: what it opens is brought here.
           | [backend ejabberd]
           | connect = 127.0.0.1:5269
           | listen = 127.0.0.1:15269 [::1]:15269
           | 
           | [host old.lab]
           | certificate = /etc/sallyport/certs/old.lab/fullchain.pem
           | key = /etc/sallyport/certs/old.lab/privkey.pem
           | subdomains = conference.old.lab
  create   ROOT/etc/sallyport/sallyport.nft
  folder   ROOT/etc/letsencrypt/renewal-hooks
  folder   ROOT/etc/letsencrypt/renewal-hooks/deploy
  create   ROOT/etc/letsencrypt/renewal-hooks/deploy/sallyport
           | #!/bin/sh
           | # Written by sallyportctl init: certbot calls this after each renewal.  The gateway takes new files up by itself.
           | set -e
           | copy() {
           | 	for f in fullchain privkey; do
           | 		install -m 640 -g sallyport "$RENEWED_LINEAGE/$f.pem" "/etc/sallyport/certs/$1/$f.pem.new"
           | 		mv "/etc/sallyport/certs/$1/$f.pem.new" "/etc/sallyport/certs/$1/$f.pem"
           | 	done
           | }
           | [ "$RENEWED_LINEAGE" != /etc/letsencrypt/live/old.lab ] || copy old.lab
Nothing of ejabberd itself is changed.
Nothing was done (--dry-run).
"""


@contextlib.contextmanager
def machine(world, config=SMALL, file=EJABBERD, names=("old.lab", "conference.old.lab"), **leaf):
	"""A root with a server's configuration and certbot's certificate for these names."""
	authority, ctl = world
	root = Root(authority, ctl)
	try:
		if config is not None:
			root.write(file, config)
		if names:
			root.certbot(names[0], authority.ca.leaf(*names, **leaf))
		yield root
	finally:
		root.close()


def good(result, *parts):
	expect(result[0] == 0, f"exit {result[0]}: {result[1]}")
	has(result[1], *parts)
	return result[1]


def refused(result, *parts, status=1):
	expect(result[0] == status, f"exit {result[0]}, not {status}: {result[1]}")
	has(result[1], *parts)
	return result[1]


@case
def says_what_it_will_do(world):
	with machine(world) as root:
		before = root.tree()
		same(root.init("--dry-run"), (0, GOLDEN), "init --dry-run")
		same(root.tree(), before, "after --dry-run")


@case
def needs_a_yes(world):
	with machine(world) as root:
		before = root.tree()
		refused(root.init(), "--yes goes on without asking")
		same(root.tree(), before, "without a terminal")


def typed(root, answer):
	"""init, with somebody at a terminal."""
	master, slave = pty.openpty()
	os.write(master, answer.encode())
	try:
		return root.init(stdin=slave)
	finally:
		os.close(master)
		os.close(slave)


@case
def asks_on_a_terminal(world):
	with machine(world) as root:
		before = root.tree()
		refused(typed(root, "n\n"), "Go on? [y/N] Nothing was done.")
		same(root.tree(), before, "after a no")
		good(typed(root, "y\n"), "Done.")
		expect(root.there(INI), "nothing was written")


@case
def twice_is_once(world):
	with machine(world) as root:
		good(root.init("--yes"), "Done.")
		after = root.tree()
		good(root.init("--yes"), "Nothing to do")
		same(root.tree(), after, "after the second run")


@case
def comes_back_byte_for_byte(world):
	with machine(world) as root:
		root.write(INI, "; mine\n", 0o600)
		root.write(RULES, "# mine, too\n", 0o755)
		root.write(HOOK, "#!/bin/sh\n", 0o700)
		os.utime(root.path(INI), ns=(1_600_000_000_123_456_789, 1_600_000_000_987_654_321))
		before = root.tree()
		good(root.init("--yes"), f"replace  ROOT/{INI} (undo restores it)")
		has(root.read(INI), "[host old.lab]")
		good(root.undo("--dry-run"), f"restore  ROOT/{INI}", f"restore  ROOT/{RULES}", f"restore  ROOT/{HOOK}")
		good(root.undo("--yes"), f"restored ROOT/{INI}", "All is as it was before init.")
		same(root.tree(), before, "after undo")
		good(root.undo("--yes"), "Nothing to undo")


@case
def comes_back_over_several_runs(world):
	with machine(world) as root:
		before = root.tree()
		good(root.init("--yes"))
		root.write(EJABBERD, SMALL.replace("- old.lab", "- old.lab\n  - more.lab"))
		root.certbot("more.lab", root.ca.leaf("more.lab", "conference.more.lab"))
		good(root.init("--yes"), f"replace  ROOT/{INI}")
		has(root.read(INI), "[host more.lab]")
		good(root.undo("--yes"))
		expect(not root.there("etc/sallyport") and not root.there("var/lib/sallyportctl"), "something was left behind")
		same({k for k in root.tree() if "more.lab" not in k}, set(before), "after undo")


@case
def spares_what_was_edited(world):
	with machine(world) as root:
		good(root.init("--yes"))
		root.write(INI, root.read(INI) + "; edited\n")
		edited = root.read(INI)
		good(root.init("--yes"), "was changed since init wrote it, and stays as it is")
		same(root.read(INI), edited, "the edited file")
		good(root.undo("--yes"), "kept     what ROOT/etc/sallyport/sallyport.ini had become since")
		same(root.read("var/lib/sallyportctl/kept.sallyport.ini"), edited, "what was kept")
		expect(not root.there("etc/sallyport"), "something was left behind")


@case
def goes_back_when_it_fails_halfway(world):
	with machine(world) as root:
		root.write("etc/letsencrypt/renewal-hooks", "a file where a folder ought to be\n")
		before = root.tree()
		refused(root.init("--yes"), "That did not work; taking it back", "All is as it was before.")
		same(root.tree(), before, "after the failure")


@case
def goes_back_no_further_than_the_run_that_fails(world):
	with machine(world) as root:
		good(root.init("--yes"))
		after = root.tree()
		# a renewed certificate, a changed configuration, and a hook that cannot be written
		renewed = root.ca.leaf("old.lab", "conference.old.lab", end=15)
		copy = root.path("etc/letsencrypt/archive/old.lab/fullchain1.pem"), root.path("etc/letsencrypt/archive/old.lab/privkey1.pem")
		for source, target in zip((renewed.chain, renewed.key), copy):
			with open(source) as f, open(target, "w") as out:
				out.write(f.read())
		root.write(EJABBERD, SMALL.replace("mod_muc: {}", "mod_muc: {host: rooms.old.lab}"))
		shutil.rmtree(root.path("etc/letsencrypt/renewal-hooks"))
		root.write("etc/letsencrypt/renewal-hooks", "a file where a folder ought to be\n")
		refused(root.init("--yes"), "renew    ROOT/etc/sallyport/certs/old.lab/fullchain.pem", "All is as it was before.")
		same(root.read(INI), after[root.path(INI)][-1].decode(), "the configuration")
		with open(renewed.chain) as f:
			same(root.read("etc/sallyport/certs/old.lab/fullchain.pem"), f.read(), "the copy, which is kept up to date")
		good(root.undo("--yes"))
		expect(not root.there("etc/sallyport"), "something was left behind")


@case
def goes_back_when_it_was_killed(world):
	with machine(world) as root:
		before = root.tree()
		good(root.init("--yes"))
		journal = root.read(JOURNAL)
		same(journal.splitlines()[-1], "end", "the journal's end")
		# a line that was not finished, and a change that was noted, but not made
		root.write(JOURNAL, journal.removesuffix("end\n") + f"create {'0' * 64} /etc/sallyport/never\ncreate 123", 0o600)
		good(root.init("--yes"), "did not come to its end", "gone     ROOT/etc/sallyport/never", "Done.")
		good(root.undo("--yes"))
		same(root.tree(), before, "after undo")


@case
def believes_no_journal_of_others(world):
	with machine(world) as root:
		good(root.init("--yes"))
		os.chmod(root.path("var/lib/sallyportctl"), 0o777)
		refused(root.undo("--yes"), "others may write to it")
		os.chmod(root.path("var/lib/sallyportctl"), 0o700)
		root.write(JOURNAL, "rubbish\n")
		refused(root.undo("--yes"), "not a journal of this sallyportctl")


@case
def keeps_what_others_put_beside(world):
	with machine(world) as root:
		good(root.init("--yes"))
		root.write("etc/sallyport/partner-ca.pem", "somebody's\n")
		good(root.undo("--yes"), "kept     ROOT/etc/sallyport, in which something else lies")
		same(os.listdir(root.path("etc/sallyport")), ["partner-ca.pem"], "what is left")


@case
def hook_brings_renewed_certificates(world):
	with machine(world) as root:
		good(root.init("--yes"))
		hook = root.read(HOOK).replace(" /etc/", f" {root.dir}/etc/").replace('"/etc/', f'"{root.dir}/etc/')
		hook = hook.replace("-g sallyport", f"-g {GROUP}")
		new = root.ca.leaf("old.lab", "conference.old.lab", end=19)
		live = root.path("etc/letsencrypt/live/old.lab")
		for source, file in ((new.chain, "fullchain"), (new.key, "privkey")):
			os.remove(f"{live}/{file}.pem")
			os.symlink(source, f"{live}/{file}.pem")
		root.write("hook", hook, 0o755)
		same(os.system(f"RENEWED_LINEAGE={live} {root.path('hook')}"), 0, "the hook's exit status")
		with open(new.chain) as f:
			same(root.read("etc/sallyport/certs/old.lab/fullchain.pem"), f.read(), "the copy")
		same(os.system(f"RENEWED_LINEAGE=/etc/letsencrypt/live/other {root.path('hook')}"), 0, "for another lineage")
		good(root.init("--yes"), "Nothing to do")
		os.remove(root.path("hook"))
		good(root.undo("--yes"))
		expect(not root.there("etc/sallyport"), "something was left behind")


@case
def joins_a_group_that_can_read(world):
	with machine(world, names=()) as root:
		if os.getuid() != 0:
			raise Skip("only root can give files away")
		both = root.ca.leaf("old.lab", "conference.old.lab").install_pem(root.path("etc/ejabberd/old.pem"), "0:64998")
		os.chmod(both, 0o640)
		root.write(EJABBERD, SMALL + 'certfiles:\n  - "/etc/ejabberd/*.pem"\n')
		good(root.init("--yes"), "as a member of group ejabberd")
		has(root.read(DROP_IN), "SupplementaryGroups=ejabberd\n")
		has(root.read(INI), "certificate = /etc/ejabberd/old.pem\nkey = /etc/ejabberd/old.pem\n")
		good(root.undo("--yes"))
		expect(not root.there("etc/systemd"), "the drop-in was left behind")


@case
def never_joins_roots_group(world):
	with machine(world, names=()) as root:
		if os.getuid() != 0:
			raise Skip("only root can give files away")
		both = root.ca.leaf("old.lab", "conference.old.lab").install_pem(root.path("etc/ejabberd/old.pem"), "0:0")
		os.chmod(both, 0o640)
		root.write(EJABBERD, SMALL + "certfiles: [/etc/ejabberd/old.pem]\n")
		good(root.init("--yes"), "user sallyport cannot read /etc/ejabberd/old.pem and gets a copy",
		     "by hand: after each renewal: install -m 640 -g sallyport /etc/ejabberd/old.pem")
		expect(not root.there(DROP_IN), "a drop-in was written")
		has(root.read(INI), "key = /etc/sallyport/certs/old.lab/server.pem\n")


@case
def rules_are_for_this_server(world):
	ejabberd = SMALL.replace("    port: 5269", "    port: 5299").replace("modules:", """\
  -
    port: 5300
    module: ejabberd_s2s_in
    tls: true
modules:""")
	with machine(world, ejabberd) as root:
		root.write("etc/resolv.conf", "nameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n")
		good(root.init("--yes"), "192.0.2.53 port 53, the resolver: is left out of the redirect")
		has(root.read(RULES), 'define backend_user = "ejabberd"\n', "define s2s_ports = { 5299, 5300 }\n",
		    "\t\telements = { 192.0.2.53 . 53 }\n", "\t\telements = { 2001:db8::53 . 53 }\n")
		has(root.read(INI), "connect = 127.0.0.1:5299\n")


@case
def ejabberd_with_all_that_people_write(world):
	yml = """\
# a comment
define_macro:
  MY_HOSTS: ["old.lab", localhost]
  S2S: 5270
include_config_file:
  - modules.yml
hosts: MY_HOSTS
listen:
  - {port: S2S, module: ejabberd_s2s_in}
  - port: 5347
    module: ejabberd_service
    hosts:
      irc.old.lab: {password: secret}
"""
	modules = """\
modules:
  mod_s2s_dialback: {}
  mod_muc:
    host: "rooms.@HOST@"
  mod_pubsub:
    hosts: ["pubsub.@HOST@", "news.old.lab"]
  mod_vcard: {search: false}
  # mod_http_upload: {}
"""
	names = ("old.lab", "*.old.lab")
	with machine(world, yml, names=names) as root:
		root.write("etc/ejabberd/modules.yml", modules)
		said = good(root.init("--yes"), "localhost is left out")
		lacks(said, "unsure")
		has(root.read(INI), "connect = 127.0.0.1:5270\n", "subdomains = rooms.old.lab pubsub.old.lab news.old.lab irc.old.lab\n")
		lacks(root.read(INI), "vjud", "upload", "localhost")


@case
def ejabberd_that_cannot_be_read(world):
	with machine(world, "hosts:\n  - old.lab\n bad: [\n") as root:
		refused(root.init("--yes"), "/etc/ejabberd/ejabberd.yml:3:", "Nothing was done")
	with machine(world, SMALL + "include_config_file: gone.yml\n") as root:
		refused(root.init("--yes"), "/etc/ejabberd/gone.yml: No such file")
	with machine(world, SMALL + "include_config_file: ejabberd.yml\n") as root:
		refused(root.init("--yes"), "more than 16 files")
	with machine(world, SMALL.replace("- old.lab", "- HOST_NAME")) as root:
		refused(root.init("--yes"), "HOST_NAME is a macro that is defined nowhere", "--domain")


@case
def ejabberd_that_would_refuse_the_gateway(world):
	with machine(world, SMALL + "s2s_use_starttls: required_trusted\n") as root:
		refused(root.init("--yes"), "required_trusted makes ejabberd refuse the gateway", "by hand: s2s_use_starttls: required")
	with machine(world, SMALL.replace("ejabberd_s2s_in", "ejabberd_c2s")) as root:
		refused(root.init("--yes"), "no ejabberd_s2s_in listens")
	with machine(world, SMALL.replace("  mod_s2s_dialback: {}\n", "")) as root:
		good(root.init("--dry-run"), "mod_s2s_dialback is not among its modules")


@case
def ejabberd_in_erlang(world):
	with machine(world, "{hosts, [\"old.lab\"]}.\n", "etc/ejabberd/ejabberd.cfg") as root:
		refused(root.init("--yes"), "written in Erlang, which is not read", "no domain that other servers could reach")
		good(root.init("--yes", "--domain", "old.lab"), "Done.")
		has(root.read(INI), "connect = 127.0.0.1:5269\n", "[host old.lab]\n")


LUA = """\
-- VirtualHost "comment.lab"
--[[ VirtualHost "long.lab"
]] modules_enabled = { "roster"; -- "no"
	"dialback" }
s2s_ports = { 5271 }
s2s_direct_tls_ports = { 5272, }
log = { info = "/var/log/x"; { levels = { "error" }; to = "syslog" } }
VirtualHost "off.lab"
	enabled = false
VirtualHost 'old.lab'
	ssl = { key = "certs/a.key"; certificate = "certs/a.crt" }
Component "conference.old.lab" "muc"
	name = [[Rooms]]
Component("irc.old.lab")
	component_secret = "x"
Include "conf.d/*.cfg.lua"
"""


@case
def prosody_with_all_that_people_write(world):
	with machine(world, LUA, PROSODY, ("old.lab", "*.old.lab", "more.lab")) as root:
		root.write("etc/prosody/conf.d/more.cfg.lua", 'VirtualHost "more.lab"\n')
		root.write("etc/prosody/conf.d/ignored.lua", 'VirtualHost "ignored.lab"\n')
		said = good(root.init("--yes"))
		lacks(said, "unsure", "off.lab", "comment.lab", "long.lab", "ignored.lab")
		has(root.read(INI), "[backend prosody]", "connect = 127.0.0.1:5271", "[host more.lab]",
		    "subdomains = conference.old.lab irc.old.lab\n")
		has(root.read(RULES), 'define backend_user = "prosody"', "define s2s_ports = { 5271, 5272 }")


@case
def prosody_that_is_more_than_settings(world):
	for code in ('for _, d in ipairs{"a"} do VirtualHost(d) end\n', 'VirtualHost(domain)\n',
	             's2s_ports = { tonumber(os.getenv("PORT")) }\n', 's2s_ports = ports + 1\n'):
		with machine(world, LUA + code, PROSODY, ("old.lab", "*.old.lab")) as root:
			good(root.init("--dry-run"), "unsure   /etc/prosody/prosody.cfg.lua:17: Lua that is more than a plain setting")


@case
def prosody_that_would_refuse_the_gateway(world):
	for line, words in (("s2s_secure_auth = true\n", "makes Prosody ask every peer for a trusted certificate"),
	                    ('modules_disabled = { "dialback" }\n', "take it out of modules_disabled")):
		with machine(world, line + LUA, PROSODY, ("old.lab", "*.old.lab")) as root:
			refused(root.init("--yes"), words)
	with machine(world, LUA.replace('"dialback"', '"tls"'), PROSODY, ("old.lab", "*.old.lab")) as root:
		refused(root.init("--yes"), "dialback is not among its modules")
	with machine(world, LUA + 'VirtualHost "open\n', PROSODY) as root:
		refused(root.init("--yes"), "prosody.cfg.lua:17: a string or comment that does not end")


S2S = """<s2s><!-- <local><port>1</port></local> -->
<router><port>5347</port></router><local><ip>0.0.0.0</ip><port>5299</port>
<!-- <verify-mode>7</verify-mode> --></local></s2s>"""
SM = "<sm><id>sm</id><local><id>old.lab</id><!-- <id>no.lab</id> --><id realm='x'> more.lab </id></local></sm>"


@case
def jabberd2_is_read(world):
	with machine(world, S2S, JABBERD2, ("old.lab", "more.lab")) as root:
		root.write("etc/jabberd2/sm.xml", SM)
		good(root.init("--yes"), "components that connect to the router")
		has(root.read(INI), "[backend jabberd2]", "connect = 127.0.0.1:5299", "[host old.lab]", "[host more.lab]")
		has(root.read(RULES), 'define backend_user = "jabber"')
		root.write(JABBERD2, S2S.replace("<!-- <verify", "<verify").replace("mode> -->", "mode>"))
		refused(root.init("--yes"), "<verify-mode/> makes jabberd2 refuse the gateway")
		root.write(JABBERD2, "<s2s><local></s2s>")
		refused(root.init("--yes"), "/etc/jabberd2/s2s.xml:1: mismatched tag")


@case
def debians_own_files(world):
	for file, changes, kind in ((EJABBERD, (("  - localhost\n", "  - old.lab\n"),), "ejabberd"),
	                            (PROSODY, (('VirtualHost "localhost"', 'VirtualHost "old.lab"'),
	                                       ("s2s_secure_auth = true", "s2s_secure_auth = false")), "prosody")):
		if not os.access(f"/{file}", os.R_OK):
			raise Skip(f"/{file} is not here, or not to be read")
		with open(f"/{file}") as f:
			text = f.read()
		for before, after in changes:
			expect(before in text, f"/{file} is not Debian's own: no {before!r}")
			text = text.replace(before, after)
		with machine(world, text, file, ("old.lab", "*.old.lab")) as root:
			lacks(good(root.init("--yes"), "Done."), "unsure")
			has(root.read(INI), f"[backend {kind}]", "connect = 127.0.0.1:5269", "[host old.lab]")


@case
def certificates_that_will_not_do(world):
	with machine(world, names=()) as root:
		refused(root.init("--yes"), "old.lab: no certificate that others would trust\n",
		        "by hand: certbot certonly -d old.lab")
	with machine(world, names=("old.lab",), start=-9, end=-3) as root:
		refused(root.init("--yes"), "fullchain.pem: Your server's certificate expired")
	with machine(world, names=("other.lab",)) as root:
		refused(root.init("--yes"), "old.lab: no certificate that others would trust\n")
	with machine(world, names=("old.lab",)) as root:
		good(root.init("--yes"), "conference.old.lab: not in the certificate of old.lab",
		     "by hand: certbot certonly --expand -d old.lab -d conference.old.lab")


@case
def certificates_wherever_they_lie(world):
	with machine(world, names=()) as root:
		leaf = root.ca.leaf("old.lab", "conference.old.lab")
		for folder, chain, key in (("root/.acme.sh/old.lab_ecc", "fullchain.cer", "old.lab.key"),
		                           ("srv/certs", "a.crt", "a.key")):
			os.makedirs(root.path(folder))
			for source, name in ((leaf.chain, chain), (leaf.key, key)):
				with open(source) as f:
					root.write(f"{folder}/{name}", f.read(), 0o644)
		good(root.init("--dry-run"), "old.lab: certificate /root/.acme.sh/old.lab_ecc/fullchain.cer",
		     "whoever renews /root/.acme.sh/old.lab_ecc/fullchain.cer has to renew the copy",
		     "by hand: after each renewal: install -m 640 -g sallyport /root/.acme.sh/old.lab_ecc/fullchain.cer")
		good(root.init("--yes", "--certs", "/srv/certs"), "old.lab: certificate /srv/certs/a.crt")
		has(root.read(INI), "certificate = /srv/certs/a.crt\nkey = /srv/certs/a.key\n")


@case
def components_with_a_certificate_of_their_own(world):
	with machine(world, names=("old.lab",)) as root:
		root.certbot("conference.old.lab", root.ca.leaf("conference.old.lab"))
		good(root.init("--yes"))
		has(root.read(INI), "[host conference.old.lab]\ncertificate = /etc/sallyport/certs/conference.old.lab/fullchain.pem\n")
		lacks(root.read(INI), "subdomains")


@case
def domains_by_hand(world):
	with machine(world, SMALL.replace("- old.lab", "- old.lab\n  - intern.lab")) as root:
		refused(root.init("--yes"), "intern.lab: no certificate")
		good(root.init("--yes", "--skip", "intern.lab", "--skip", "conference.intern.lab"), "intern.lab is left out, as asked")
		lacks(root.read(INI), "intern.lab")


@case
def no_server_or_too_many(world):
	with machine(world, None) as root:
		refused(root.init("--yes"), "no ejabberd, Prosody or jabberd2 runs here", "--backend ejabberd|prosody|jabberd2")
		root.write(EJABBERD, SMALL)
		root.write(PROSODY, LUA)
		refused(root.init("--yes"), "several servers are installed (ejabberd, prosody)")
		good(root.init("--yes", "--backend", "ejabberd"), "Done.")
	with machine(world, SMALL, "srv/mine.yml") as root:
		refused(root.init("--yes", "--backend", "ejabberd"), "the configuration of ejabberd is not where it usually is")
		good(root.init("--yes", "--backend", "ejabberd", "--config", "/srv/mine.yml"), "its configuration /srv/mine.yml")


@case
def no_user_or_authorities(world):
	with machine(world) as root:
		root.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n")
		refused(root.init("--yes"), "there is no user sallyport", "by hand: adduser --system")
		os.remove(root.path("etc/ssl/certs/ca-certificates.crt"))
		refused(root.init("--yes"), "by hand: apt install ca-certificates")


@case
def usage(world):
	with machine(world) as root:
		for wrong in (("--maybe",), ("--backend", "openfire"), ("--config", "/etc/x")):
			refused(root.init(*wrong), status=2)
		refused(root.undo("now"), "usage: sallyportctl undo", status=2)


def main():
	authority = Authority()
	try:
		suite.run((authority, os.path.realpath(sys.argv[1])), only=sys.argv[2] if len(sys.argv) > 2 else None)
	finally:
		authority.close()


if __name__ == "__main__":
	main()
