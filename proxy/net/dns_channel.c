#include <stdio.h>
#include <stdlib.h>

#include "dns_internal.h"

#define MAGIC_CHANNEL 0x6368616eu

/* A query is sent this often, first after a quarter of the look-up's time, then with twice the patience. */
enum { DNS_TRIES = 3, DNS_TRY_SHARE = 4 };

/* A socket of c-ares's. */
struct watch {
	struct watch *next;
	struct dns_channel *channel;
	int fd;
	struct loop_io *io;
};

void dns_channel_arm(struct dns_channel *c)
{
	struct timeval tv;

	if (ares_timeout(c->ares, NULL, &tv) == NULL)
		loop_timer_stop(c->timer);
	else
		loop_timer_set(c->timer, (uint32_t)(tv.tv_sec * 1000 + tv.tv_usec / 1000) + 1);
}

static void cancel_all(void *arg)
{
	struct dns_channel *c = arg;

	MAGIC_CHECK(c, MAGIC_CHANNEL);
	c->starting_anew = false;
	if (c->ares != NULL)
		ares_cancel(c->ares);
}

/* A socket can't be watched, for want of memory.  c-ares would go on using it while there are queries, and hear
 * nothing: without any it closes it. */
static void start_anew(struct dns_channel *c)
{
	if (c->starting_anew)
		return;
	c->starting_anew = true;
	loop_defer(c->loop, &c->later, cancel_all, c); /* not here, in the midst of c-ares */
}

static void retry_due(void *arg)
{
	struct dns_channel *c = arg;

	MAGIC_CHECK(c, MAGIC_CHANNEL);
	ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	dns_channel_arm(c);
}

static void socket_ready(void *arg, unsigned ready)
{
	struct watch *w = arg;
	struct dns_channel *c = w->channel;

	MAGIC_CHECK(c, MAGIC_CHANNEL);
	if ((ready & LOOP_FAILED) != 0) {
		start_anew(c);
		return;
	}
	ares_process_fd(c->ares, (ready & LOOP_READ) != 0 ? w->fd : ARES_SOCKET_BAD,
	    (ready & LOOP_WRITE) != 0 ? w->fd : ARES_SOCKET_BAD);
	dns_channel_arm(c);
}

static struct watch *watch_new(struct dns_channel *c, int fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->channel = c;
	w->fd = fd;
	w->io = loop_io_new(c->loop, fd, socket_ready, w);
	if (w->io == NULL) {
		free(w);
		return NULL;
	}
	w->next = c->watches;
	c->watches = w;
	return w;
}

/* c-ares tells what it wants of a socket; neither: it is about to close it. */
static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *c = arg;
	struct watch **link = &c->watches, *w;

	MAGIC_CHECK(c, MAGIC_CHANNEL);
	while (*link != NULL && (*link)->fd != fd)
		link = &(*link)->next;
	w = *link;
	if (!readable && !writable) {
		if (w != NULL) {
			*link = w->next;
			loop_io_free(w->io);
			free(w);
		}
		return;
	}
	if (w == NULL)
		w = watch_new(c, fd);
	if (w != NULL)
		loop_io_want(w->io, readable != 0, writable != 0);
	else
		start_anew(c);
}

static bool set_servers(ares_channel channel, const struct addr *servers, size_t n)
{
	size_t size = n * ADDR_TEXT_MAX, used = 0;
	char *list;
	bool ok;

	if (n == 0)
		return true;
	list = malloc(size);
	if (list == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		char text[ADDR_TEXT_MAX];

		/* Each is shorter than ADDR_TEXT_MAX, which leaves room for the comma. */
		used += (size_t)snprintf(
		    list + used, size - used, "%s%s", i > 0 ? "," : "", addr_format(&servers[i], text));
	}
	ok = ares_set_servers_ports_csv(channel, list) == ARES_SUCCESS;
	free(list);
	return ok;
}

static bool open_ares(struct dns_channel *c, uint32_t timeout_ms)
{
	struct ares_options options = {
	    /* No EDNS: 1.18 loses a second query that an old server answers by FORMERR; large answers come over TCP. */
	    .flags = ARES_FLAG_NOSEARCH,
	    .timeout = (int)(timeout_ms / DNS_TRY_SHARE) + 1,
	    .tries = DNS_TRIES,
	    .sock_state_cb = socket_state,
	    .sock_state_cb_data = c,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* qcache_max_ttl 0: caching is the resolver's, with every version alike */
#endif
	/* ares_library_init() does nothing outside Windows, and is not thread-safe. */
	return ares_init_options(&c->ares, &options, mask) == ARES_SUCCESS;
}

bool dns_channel_open(
    struct dns_channel *c, struct loop *loop, const struct addr *servers, size_t n, uint32_t timeout_ms)
{
	c->magic = MAGIC_CHANNEL;
	c->loop = loop;
	c->timer = loop_timer_new(loop, retry_due, c);
	return c->timer != NULL && open_ares(c, timeout_ms) && set_servers(c->ares, servers, n);
}

void dns_channel_close(struct dns_channel *c)
{
	ares_channel ares = c->ares;

	c->ares = NULL;
	if (ares != NULL)
		ares_destroy(ares); /* tells socket_state() of every socket */
	ENSURE(c->watches == NULL);
	loop_timer_free(c->timer);
	c->timer = NULL;
}
