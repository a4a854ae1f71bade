/* stage: what a transcript is played on: the gateway, the far ends of its connections (actors), variables,
 * certificates, logs.  A step that does not come true ends the program with a complaint that names the line. */
#ifndef PLAY_STAGE_H
#define PLAY_STAGE_H

#include <setjmp.h>

#include "certs.h"
#include "fakenet.h"
#include "logs.h"
#include "match.h"
#include "sallyport/conf.h"
#include "sallyport/gate.h"
#include "script.h"
#include "secure.h"

enum { ACTORS_MAX = 256, PLACES_MAX = 32, CALLS_MAX = 16 };

/* A far end.  It may have several connections, one after the other. */
struct actor {
	char name[32];
	struct fake_conn *conn;   /* NULL: none yet, or the script has seen the last one end */
	struct secure *secure;    /* NULL: in the clear */
	bool finished;            /* it sent FIN */
	struct fake_bytes header; /* the last stream header that it read */
};

struct stage {
	const struct script *script;
	size_t pieces;
	char dir[64]; /* for configuration and certificates */
	struct vars *vars;
	struct certs *certs;
	struct logs *logs;
	struct loop *loop;
	struct conf *conf;
	struct site *site;
	struct gate *gate; /* NULL: not started */
	bool drained;

	struct actor actors[ACTORS_MAX];
	size_t actors_n;
	struct {
		char name[64];
		struct addr at;
	} names[PLACES_MAX];
	size_t names_n;
	unsigned next_port; /* of an actor that connects */
	/* Where the play is: the line of the transcript, then those of the scenes within it. */
	struct place calls[CALLS_MAX];
	size_t calls_n;
	char *line;       /* as it was filled in */
	jmp_buf *give_up; /* where a step that fails goes; NULL: it ends the program */
};

/* pieces: how many bytes reach or leave the gateway at a time; 0: as they come. */
void stage_play(const struct script *script, size_t pieces);

/* The same step by step, for who has no transcript to the end: a line of a transcript, such as "act SCENE …"; the
 * script's own lines, as far as they come true; time.  stage_close() checks that nothing is left behind, but not that
 * everything sent was read. */
struct stage *stage_open(const struct script *script, size_t pieces);
void stage_say(struct stage *stage, const char *line);
void stage_play_until_lost(struct stage *stage);
void stage_let_time_pass(struct stage *stage, int64_t ms);
void stage_close(struct stage *stage);

/* Ends the program. */
__attribute__((noreturn)) void stage_fail(const struct stage *stage, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Lets the gateway and the actors' TLS go on until nothing moves. */
void stage_settle(struct stage *stage);
/* An address, or the name that the script gave it. */
struct addr stage_addr(const struct stage *stage, struct span text);
/* The bytes that a script wrote: variables put in, \n \t \\ and \x41 read. */
struct fake_bytes stage_bytes(const struct stage *stage, const char *text);

/* --- actors (actor.c) --- */

/* By name, which begins with a capital letter; made at its first appearance. */
struct actor *actor_find(struct stage *stage, struct span name);
/* True if anything moved. */
bool actor_step(struct actor *actor);
/* What it received and the script has not read. */
struct span actor_inbox(const struct actor *actor);
/* A step of the script: the word behind the name, and the rest. */
void actor_perform(struct stage *stage, struct actor *actor, struct span verb, const char *rest);
/* The play is over: nothing unread, no end unseen. */
void actor_check_end(struct stage *stage, struct actor *actor);
void actor_free(struct actor *actor);

/* "tls" and "saw" (actor_tls.c). */
void actor_tls(struct stage *stage, struct actor *actor, const char *rest);
void actor_saw(struct stage *stage, struct actor *actor, const char *rest);

/* --- what was counted (counts.c) --- */

/* "counted": a counter, what it is by, and its number. */
void counts_perform(struct stage *stage, const char *rest);
/* The play is over: the books must balance. */
void counts_check_end(struct stage *stage);

/* --- steps of the world (world.c) --- */

/* False: there is no such word. */
MUST_CHECK bool world_perform(struct stage *stage, struct span verb, const char *rest);

#endif
