/* The inside of the control socket: control.c (listening), control_client.c (one connection), and the commands, each in
 * a file of its name. */
#ifndef SALLYPORT_CONTROL_INTERNAL_H
#define SALLYPORT_CONTROL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sallyport/buf.h"
#include "sallyport/control.h"
#include "sallyport/json.h"
#include "sallyport/request.h"
#include "sallyport/sock.h"

#define CLIENT_MAGIC 0x636c6e74u
/* One line of an answer; a longer one is a fault of ours. */
#define ROW_MAX 16384u
/* More of an answer is made when less than this waits to be sent. */
#define ANSWER_LOW 65536u
/* What may wait: that, and what one call of a command adds. */
#define ANSWER_MAX (1024u * 1024u)
/* What a worker answers at once. */
#define WORKER_ANSWER_MAX (256u * 1024u)

#define CLIENT_STATES(X)                                                                                               \
	X(ASKING)    /* the request is awaited */                                                                      \
	X(ANSWERING) /* more() makes the next part of the answer whenever there is room */                             \
	X(ASLEEP)    /* a worker, or reloading, has the next word */                                                   \
	X(ENDING)    /* all is said; closed once it is sent */                                                         \
	X(GONE)      /* closed; freed once no worker has it any more */

enum client_state {
#define X(id) CLIENT_##id,
	CLIENT_STATES(X)
#undef X
};

struct client {
	uint32_t magic;
	enum client_state state;
	struct control *control;
	struct client *next, *prev;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct loop_later gone;
	struct sock_user user;
	bool trusted; /* may command */
	bool deaf;    /* the client has shut down its side: nothing more to read */
	struct buf in, out;
	struct request request;

	/* the command's own */
	void (*more)(struct client *c);
	unsigned worker; /* the one that is asked, or will be next */
	uint64_t cursor;
	uint64_t reload; /* which one it waits for; 0: none */
	bool watching;
	uint64_t lost; /* events that it did not take */

	/* A question to a worker: between asking and hearing, all of it is the worker's, the rest of the client is not.
	 */
	struct {
		atomic_bool pending, answered;
		struct gate *gate;
		void (*run)(struct client *c, struct gate *gate); /* on the worker's thread */
		void (*heard)(struct client *c);                  /* back on ours */
		struct buf out;
		bool last, failed;
		uint32_t streams[ROLE_COUNT][STATE_COUNT];
	} asked;
};

struct control_rule {
	struct request_match match;
	enum log_level level;
	int64_t until; /* of loop_now() */
};

struct control {
	struct control_host host;
	int listener;
	struct loop_io *io;
	struct loop_timer *pause; /* accepting failed for want of descriptors */
	char *path;
	unsigned mode;
	struct client *clients;
	unsigned clients_n;
	int64_t started; /* Unix seconds */
	struct loop_timer *rules_timer;
	struct control_rule rules[LOG_RULES];
	size_t rules_n;
	struct {
		pthread_mutex_t lock; /* guards the rest */
		struct heard *first, **end;
		size_t n;
		uint64_t lost;
		bool posted;
	} heard; /* lines that watchers wait for */
	struct {
		uint64_t number;
		int64_t at;
		bool good;
		char text[512];
	} reload;
};

/* control_client.c */
/* fd becomes the client's, also on failure. */
void client_new(struct control *c, int fd, const struct sock_user *user);
/* At once; the memory goes when it can. */
void client_close(struct client *c);
/* Without regard to workers, which have ended. */
void client_free(struct client *c);
/* A line of the answer.  False: no memory, the client is closed. */
bool client_row(struct client *c, struct span row);
/* Finishes a row that was written into a buffer of ROW_MAX. */
bool client_json(struct client *c, struct json *j);
/* A row that says no more than one number, or nothing (key NULL). */
MUST_CHECK bool client_tell(struct client *c, const char *type, const char *key, int64_t value);
/* The last line.  error NULL: all went well. */
void client_end(struct client *c, const char *error, const char *fix);
/* Lets a worker run a function; `heard` follows, unless the client has gone.  False: no memory. */
bool client_ask(struct client *c, unsigned worker, void (*run)(struct client *c, struct gate *gate),
    void (*heard)(struct client *c));
/* Out of ASLEEP: more() is called again. */
void client_wake(struct client *c);
/* Sends what was added from outside, in whatever state. */
void client_flush(struct client *c);
/* Into ASLEEP, until client_wake(). */
void client_sleep(struct client *c);

/* The commands: begin to answer c->request. */
void control_status(struct client *c);
void control_reload(struct client *c);
void control_drain(struct client *c);
void control_peers(struct client *c);
void control_streams(struct client *c);
void control_close(struct client *c);
void control_certs(struct client *c);
void control_watch(struct client *c);
void control_rules(struct client *c);
void control_log(struct client *c);
void control_unlog(struct client *c);

/* control_watch.c */
/* A watcher has gone. */
void control_unwatch(struct control *control);
void control_forget_heard(struct control *control);
void control_rules_due(void *control);

#endif
