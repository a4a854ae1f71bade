/* Whose ports are whose: ours to open, opened for us, or another's. */
#include <errno.h>

#include "main_internal.h"
#include "sallyport/sock.h"

/* NULL names none. */
static bool listens(const struct conf *conf, const struct addr *at)
{
	if (conf == NULL)
		return false;
	for (size_t i = 0; i < conf->public_listens; i++)
		if (addr_eq(&conf->public_listen[i], at))
			return true;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			if (addr_eq(&conf->backends[b].listen[i], at))
				return true;
	return false;
}

static bool probe(const struct handed *handed, const struct conf *before, const struct addr *at, size_t n)
{
	char err[256];
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		bool ours = (handed != NULL && handed_has(handed, &at[i])) || listens(before, &at[i]);
		if (ours || sock_listen_probe(&at[i], err, sizeof err))
			continue;
		log_text(LOG_ERROR, "start", "%s", err);
		ok = false;
	}
	return ok;
}

/* With SO_REUSEPORT a second daemon would share the ports and half of the connections, so look first. */
bool ports_free(const struct handed *handed, const struct conf *before, const struct conf *conf)
{
	bool ok = probe(handed, before, conf->public_listen, conf->public_listens);
	for (size_t i = 0; i < conf->backends_n; i++)
		ok = probe(handed, before, conf->backends[i].listen, conf->backends[i].listens) && ok;
	return ok;
}

/* --- systemd's store --- */

void ports_keep(void *arg, int fd)
{
	if (arg == NULL || !handed_keep(arg, fd))
		log_text(LOG_WARNING, "service", "a port will refuse connections while the daemon is restarted: %m");
}

static void store(void *arg, int fd)
{
	service_store(arg, HANDED_OURS, fd);
}

/* In one go, so that what it has is what we have, whatever happened to those that had them before. */
void ports_store(struct daemon *d)
{
	if (!service_keeps(d->service))
		return;
	service_discard(d->service, HANDED_OURS);
	handed_ours(d->handed, store, d->service);
}

static bool is_wanted(const void *arg, const struct addr *at)
{
	return listens(arg, at);
}

static size_t drop(struct daemon *d, const struct conf *conf)
{
	size_t n = handed_drop(d->handed, is_wanted, conf);
	if (n > 0)
		log_text(LOG_INFO, "service", "%zu sockets closed that the configuration does not name any more", n);
	return n;
}

void ports_take_over(struct daemon *d, const struct conf *conf)
{
	service_discard(d->service, HANDED_OURS);
	(void)drop(d, conf);
}

struct more {
	struct handed *to;
	size_t n;
};

static void add(void *arg, int fd)
{
	struct more *more = arg;
	ports_keep(more->to, fd);
	more->n++;
}

size_t ports_adopt(struct daemon *d, const struct handed *opened)
{
	struct more more = {.to = d->handed};
	if (opened != NULL && !d->ending)
		handed_ours(opened, add, &more);
	return more.n;
}

void ports_settle(struct daemon *d, bool opened, bool good)
{
	size_t dropped = good && service_keeps(d->service) ? drop(d, d->site->conf) : 0;
	if (opened || dropped > 0)
		ports_store(d);
}

/* --- the workers' shares --- */

static bool give(struct daemon *d, unsigned worker, const struct addr *at)
{
	for (unsigned nth = 0;; nth++) {
		int fd = handed_take(d->handed, at, worker, d->workers, nth);
		if (fd < 0)
			return errno == 0;
		if (!gate_give(d->gates[worker], at, fd))
			return false;
	}
}

bool ports_give(struct daemon *d, unsigned worker)
{
	const struct conf *conf = d->site->conf;
	bool ok = true;
	for (size_t i = 0; ok && i < conf->public_listens; i++)
		ok = give(d, worker, &conf->public_listen[i]);
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; ok && i < conf->backends[b].listens; i++)
			ok = give(d, worker, &conf->backends[b].listen[i]);
	return ok;
}
