#include "probe.h"

#include <stdio.h>

/* Free chunks of buffers that are kept. */
#define POOL_KEEP 16u

static void set_timeouts(struct probe_net *net, uint32_t ms)
{
	struct conf_timeouts *t = &net->timeouts;

	*t = net->site->conf->timeouts;
	if (ms == 0)
		return;
	t->dns = t->connect = t->handshake = t->negotiate = ms;
	/* a server that is only slow has time for a step or two more */
	t->outbound = 3 * ms;
}

bool probe_net_open(
    struct probe_net *net, struct site *site, const struct addr *server, uint32_t timeout_ms, char *err, size_t err_n)
{
	const struct conf *conf = site->conf;

	*net = (struct probe_net){.site = site};
	site_enter(site);
	set_timeouts(net, timeout_ms);
	net->loop = loop_new();
	net->pool = buf_pool_new(POOL_KEEP);
	if (net->loop != NULL)
		net->dns = server != NULL
		               ? dns_new(net->loop, server, 1, net->timeouts.dns)
		               : dns_new(net->loop, conf->dns_servers, conf->dns_servers_n, net->timeouts.dns);
	if (net->pool != NULL && net->dns != NULL)
		return true;
	(void)snprintf(err, err_n, "%s",
	    net->loop != NULL && net->pool != NULL ? "the resolver can't be set up (is /etc/resolv.conf readable?)"
	                                           : "out of memory");
	probe_net_close(net);
	return false;
}

void probe_net_close(struct probe_net *net)
{
	if (net->dns != NULL)
		dns_free(net->dns);
	loop_free(net->loop);
	if (net->pool != NULL)
		buf_pool_free(net->pool);
	site_leave(net->site);
	site_unref(net->site);
}
