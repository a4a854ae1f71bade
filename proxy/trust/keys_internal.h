/* keys, inside: what keys.c (keys of either kind), keys_remote.c (the process that has them) and keys_line.c (asking
 * for signatures) share. */
#ifndef SALLYPORT_KEYS_INTERNAL_H
#define SALLYPORT_KEYS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sallyport/keymsg.h"
#include "sallyport/keys.h"
#include "sallyport/vault.h"

#define KEYS_LINES_MAX 64u

struct keys_key {
	atomic_uint refs;
	struct keys *keys;
	uint64_t id;
	bool listed;              /* among those to be loaded again */
	char *certificate, *file; /* NULL: made here */
	uint8_t public_key[32]; /* SHA-256 of its SubjectPublicKeyInfo: the key that it was when it was first loaded */
	struct keys_key *next, **at; /* in keys->all */
};

struct keys {
	atomic_uint refs;
	struct vault *vault;  /* NULL: in another process, and then … */
	pthread_mutex_t talk; /* one conversation with supervisor and key process at a time */
	pthread_mutex_t lock; /* what stands below; never held while waiting for anybody */
	int ask, home, life;  /* to the supervisor; to the key process; end of file: that is no more */
	char *room;           /* for a message; talk's */
	uint64_t asked;       /* the supervisor's last ticket; talk's */
	unsigned generation;  /* of the key process */
	uint64_t next_id;
	struct keys_key *all;
	uint64_t *forget; /* ids that the key process has not been told to forget */
	size_t forget_n, forget_cap;
	unsigned lines;
	int line_fd[KEYS_LINES_MAX]; /* not yet taken by their lines; -1: none */
	struct keys_line *line[KEYS_LINES_MAX];
	struct loop *loop; /* that watches; NULL: none */
	struct loop_io *io;
	struct loop_timer *again;
	int64_t begun; /* when it last asked for another process; ms */
};

/* Loads in this process or the other; talk is held if that. */
bool keys_load_remote(struct keys *keys, struct keys_key *const *key, size_t n,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg);
/* Splits what vault_load() answers. */
MUST_CHECK bool keys_answer(struct span answer, struct keys_loaded *loaded);
/* Tells the key process what it need not keep any more, as far as it can be told now; lock is held. */
void keys_tell_forgotten(struct keys *keys);
void keys_remote_free(struct keys *keys);
/* The key process does not do its part: away with it, if it still is this one, and keys_watch() has another one
 * started. */
void keys_give_up(struct keys *keys, unsigned generation);
/* A way to a new key process, any thread; fd becomes the line's.  False: no memory. */
MUST_CHECK bool keys_line_connect(struct keys_line *line, int fd, unsigned generation);

#endif
