/* keymsg: what the three processes say to one another about private keys, one datagram a message.
 *
 *	network process  ── START, LOAD ──>  supervisor  ── LOAD with open files ──>  key process
 *	       └──────────── FORGET, SIGN ──────────>  <── STARTED, LOADED, SIGNED ───────┘
 *
 * All three are one program, so numbers are in the machine's own order.  Who gets a message of the wrong shape ends the
 * conversation. */
#ifndef SALLYPORT_KEYMSG_H
#define SALLYPORT_KEYMSG_H

#include "sallyport/base.h"

/* Bytes of the largest body: a transcript that TLS 1.2 signs, or a chain of certificates. */
#define KEYMSG_MAX 131072u
/* Descriptors that one message may carry. */
#define KEYMSG_FDS 72u

enum keymsg_kind {
	KEYMSG_START,   /* to the supervisor; number: how many lines for signing */
	KEYMSG_STARTED, /* number: errno; with descriptors, if that is 0: the key process's home, life, and lines */
	KEYMSG_LOAD, /* body: certificate's and key's path, each terminated; onwards with the open files, and in number
	                the errno of either that could not be opened, the key's shifted by 16 */
	KEYMSG_LOADED, /* number: an enum keymsg_loaded; body: as vault_load() answers */
	KEYMSG_OPEN,   /* to the supervisor; body: a path, terminated; number: 1 if it is only to be checked */
	KEYMSG_OPENED, /* number: errno; with the open file, if that is 0 and it was not for the check */
	KEYMSG_FORGET,
	KEYMSG_REREAD, /* to the supervisor: the configuration file has changed */
	KEYMSG_SIGN,   /* number: the algorithm; body: what is to be signed */
	KEYMSG_SIGNED, /* number: 1 if it was; body: the signature */
};

enum keymsg_loaded { KEYMSG_REFUSED, KEYMSG_TAKEN, KEYMSG_NO_PAIR };

struct keymsg {
	uint32_t kind, number;
	uint64_t ticket; /* comes back with the answer */
	uint64_t key;
};

/* A socket of this kind, both ends closed on exec; false: errno says why. */
MUST_CHECK bool keymsg_pair(int ends[2]);

enum keymsg_rc {
	KEYMSG_DONE,
	KEYMSG_AGAIN, /* would have to wait, which was not allowed */
	KEYMSG_ENDED, /* the other side has gone, or talks nonsense */
};
enum keymsg_rc keymsg_send(
    int fd, const struct keymsg *head, struct span body, const int *fds, size_t fds_n, bool wait);

/* A message that has come.  room: the caller's, for the body.  fds are the caller's to close. */
struct keymsg_in {
	struct keymsg head;
	struct span body;
	int fds[KEYMSG_FDS];
	size_t fds_n;
};
enum keymsg_rc keymsg_recv(int fd, struct keymsg_in *in, char *room, size_t room_n, bool wait);
void keymsg_close_fds(struct keymsg_in *in);

#endif
