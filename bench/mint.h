/* mint: a throw-away public key infrastructure for a run, in a folder. */
#ifndef BENCH_MINT_H
#define BENCH_MINT_H

#include "sallyport/base.h"

/* Writes into dir (made if it is not there): ca.pem, the root; local-ecdsa, local-rsa for the backend's domain;
 * peers-ecdsa, peers-rsa for all peers (*.PEERS), each as NAME.pem (leaf and intermediate), NAME.key, and NAME.both
 * (chain and key in one file, as HAProxy and hitch want them); and sallyport.ini, a configuration that uses them and
 * the default addresses.  With hosts also dir/hosts with h00000.hosts.lab.pem and .key, …, and the configuration serves
 * these domains, too.  The leaves are good for servers and clients alike, since OpenSSL's gateways ask for both. False: err says why. */
struct mint_plan {
	const char *dir;
	const char *local, *peers; /* domains */
	unsigned hosts;            /* further hosts of the gateway's; at most MINT_HOSTS_MAX */
};
#define MINT_HOSTS_MAX 100000
MUST_CHECK bool mint_folder(const struct mint_plan *plan, char *err, size_t err_n);

#endif
