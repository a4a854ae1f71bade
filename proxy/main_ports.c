/* Whose ports are whose: ours to open, opened for us, or another's. */
#include <errno.h>

#include "main_internal.h"
#include "sallyport/sock.h"

static bool probe(const struct handed *handed, const struct addr *at, size_t n)
{
	char err[256];
	bool ok = true;
	for (size_t i = 0; i < n; i++) {
		if ((handed != NULL && handed_has(handed, &at[i])) || sock_listen_probe(&at[i], err, sizeof err))
			continue;
		log_text(LOG_ERROR, "start", "%s", err);
		ok = false;
	}
	return ok;
}

/* With SO_REUSEPORT a second daemon would share the ports and half of the connections, so look first. */
bool ports_free(const struct handed *handed, const struct conf *conf)
{
	bool ok = probe(handed, conf->public_listen, conf->public_listens);
	for (size_t i = 0; i < conf->backends_n; i++)
		ok = probe(handed, conf->backends[i].listen, conf->backends[i].listens) && ok;
	return ok;
}

static bool listens(const struct conf *conf, const struct addr *at)
{
	for (size_t i = 0; i < conf->public_listens; i++)
		if (addr_eq(&conf->public_listen[i], at))
			return true;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			if (addr_eq(&conf->backends[b].listen[i], at))
				return true;
	return false;
}

bool ports_new(const struct conf *before, const struct conf *conf)
{
	bool ok = true;
	for (size_t i = 0; i < conf->public_listens; i++)
		ok = (listens(before, &conf->public_listen[i]) || probe(NULL, &conf->public_listen[i], 1)) && ok;
	for (size_t b = 0; b < conf->backends_n; b++)
		for (size_t i = 0; i < conf->backends[b].listens; i++)
			ok = (listens(before, &conf->backends[b].listen[i]) ||
			         probe(NULL, &conf->backends[b].listen[i], 1)) &&
			     ok;
	return ok;
}

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
