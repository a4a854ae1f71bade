/* mint: a throw-away public key infrastructure for a run, in a folder. */
#ifndef BENCH_MINT_H
#define BENCH_MINT_H

#include "sallyport/base.h"

/* Writes into dir (made if it is not there): ca.pem, the root; local-ecdsa, local-rsa for the backend's domain;
 * peers-ecdsa, peers-rsa for all peers (*.PEERS), each as NAME.pem (leaf and intermediate), NAME.key, and NAME.both
 * (chain and key in one file, as HAProxy and hitch want them); and sallyport.ini, a configuration that uses them and
 * the default addresses. The leaves are good for servers and clients alike, since OpenSSL's gateways ask for both.
 * False: err says why. */
MUST_CHECK bool mint_folder(const char *dir, const char *local, const char *peers, char *err, size_t err_n);

#endif
