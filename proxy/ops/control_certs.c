/* certs: our own certificates, and which of our domains have none. */
#include <time.h>

#include "control_internal.h"
#include "sallyport/cert.h"

struct walk {
	struct client *client;
	int64_t now;
};

static void put_certificate(void *arg, const struct cert_own_facts *f)
{
	struct walk *w = arg;
	struct client *c = w->client;
	char text[ROW_MAX];
	struct json j;

	if (c->request.seconds >= 0 && f->file != NULL && f->not_after - w->now > c->request.seconds)
		return;
	json_init(&j, text, sizeof(text));
	json_open_object(&j, NULL);
	json_str(&j, "type", f->file != NULL ? "certificate" : "uncovered");
	json_span(&j, "domain", f->name);
	json_str(&j, "host", f->host->domain.s);
	if (f->file != NULL) {
		json_str(&j, "file", f->file);
		json_str(&j, "key", f->kind);
		json_int(&j, "from", f->not_before);
		json_int(&j, "expires", f->not_after);
		json_int(&j, "left", f->not_after - w->now);
	}
	json_close_object(&j);
	(void)client_json(c, &j);
}

static void more(struct client *c)
{
	const struct site *site = c->control->host.site(c->control->host.arg);
	struct walk walk = {c, (int64_t)time(NULL)};

	/* a reload meanwhile may have made them fewer, which the walk sees */
	if (!cert_own_each(site->certs, (size_t)c->cursor++, put_certificate, &walk) && c->state == CLIENT_ANSWERING)
		client_end(c, NULL, "");
}

void control_certs(struct client *c)
{
	c->more = more;
}
