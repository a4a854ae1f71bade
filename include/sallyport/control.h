/* control: the Unix socket that sallyportctl speaks to; served by the main thread's loop.
 *
 * The protocol.  A client connects and sends one line: words parted by single spaces, at most REQUEST_MAX bytes, ended
 * by \n (request.h lists the verbs).  The answer is lines of JSON (RFC 8259), each an object with a member "type".
 * The last line has the type "end", with "ok" and, if that is false, "error" (what went wrong) and "fix" (what to do;
 * may be ""). Then the daemon closes.  Numbers are integers; times are Unix seconds, 0 for never; reasons are codes
 * (reason.h). Readers must pass over types and members that they do not know.
 *
 *	status	"status": version, pid, started, uptime, workers, draining; streams (role → state → count, 0 left out);
 *		backends [{name, address, state: untried, up or down}]; limits (reason → how often it was met); uncovered (domains
 *		of ours without a certificate), certificates [{host, file, expires}], those that end first; reload {at, ok, text}
 *	peers	"peer": domain; in and out, each {open, last_success, last_failure, streak, next_retry, reason, text, detail, who, fix}
 *	streams	"stream": id (worker.number), role, state, from, to, pairs [{from, to, state}], of which there are pairs_in_all;
 *		address, target, backend, mode (clear, starttls, direct-tls), tls, cipher, group; age and open in seconds (open: -1
 *		before it stands), received, sent and queued in bytes, stanzas, paused
 *	certs	"certificate": domain, host, file, key, from, expires, left (seconds); "uncovered": domain, host
 *	watch	"watching", at once; "event": level, line (in logfmt); "lost": events, that the client was too slow for.  No end.
 *	rules	"rule": domain, level, left (seconds)
 *	log	"rule", as it now is
 *	unlog	nothing
 *	close	"closed": streams, how many
 *	drain	"draining"
 *	reload	"error": text (of the configuration file)…, or "change": text…, "reload": text
 *
 * Who may open the socket is its file's mode ([control] in the configuration); what changes something is taken only
 * from root, the gateway's own user and members of its group, by the credentials that the kernel vouches for, and
 * logged.
 *
 * A client that says nothing, never reads, or talks nonsense is let go after a while; there is room for
 * CONTROL_CLIENTS of them, and an answer is made only as fast as it is read.  Workers are asked by gate_post() and
 * never waited for. */
#ifndef SALLYPORT_CONTROL_H
#define SALLYPORT_CONTROL_H

#include "sallyport/base.h"
#include "sallyport/conf.h"
#include "sallyport/gate.h"
#include "sallyport/loop.h"

#define CONTROL_CLIENTS 32u

/* What main lends, and does when it is asked to.  Called on main's thread. */
struct control_host {
	struct loop *loop;
	struct gate *const *gates; /* of the workers; alive until their threads have been joined */
	unsigned workers;
	void *arg;
	struct site *(*site)(void *arg); /* the present one */
	/* Starts to read the configuration again; control_reloaded() with the same number may come before this returns.
	 */
	uint64_t (*reload)(void *arg);
	/* Ends every stream by the book, and then the daemon; nothing if that goes on already. */
	void (*drain)(void *arg);
	bool (*draining)(void *arg);
};

struct control;
/* host's fields are copied, what they point to must outlive the control.  Nothing listens yet.  NULL: no memory. */
struct control *control_new(const struct control_host *host);
/* Listens as conf says; does nothing if it does so already.  False: err holds a sentence. */
MUST_CHECK bool control_listen(struct control *c, const struct conf *conf, char *err, size_t err_n);
/* Closes everything and takes the socket's file away.  After the workers' threads have been joined.  Takes NULL. */
void control_free(struct control *c);

/* Main: reloading has come to an end.  text: one sentence; lines: what changed or what is wrong, each ended by \n. */
void control_reloaded(struct control *c, uint64_t number, bool good, const char *text, const char *lines);

#endif
