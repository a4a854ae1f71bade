"""The hostile peer's certificates."""

from lab.ca import CA


def mint_peers(ca, folder, remote, evil):
	"""By the names that cases use; an authority that nobody trusts is made in folder/other."""
	return {
		"good": ca.leaf(remote, eku="serverAuth,clientAuth"),
		"serveronly": ca.leaf(remote),
		"evil": ca.leaf(evil),
		"srvtarget": ca.leaf(f"xmpp.{remote}"),
		"clientonly": ca.leaf(remote, eku="clientAuth"),
		"expired": ca.leaf(remote, start=-9, end=-1),
		"selfsigned": ca.self_signed(remote),
		"unknownca": CA(f"{folder}/other", "Nobody's Root").leaf(remote),
	}
