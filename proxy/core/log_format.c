/* A line in other forms than logfmt. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "log_internal.h"
#include "sallyport/json.h"

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* What was escaped for logfmt, as it was. */
static struct span plain(const struct log_line *l, const struct log_pair *p, char out[static LOG_VALUE_MAX + 4])
{
	const char *from = l->text + p->value;
	size_t n = 0;

	for (size_t i = 0; i < p->value_n && n < LOG_VALUE_MAX + 4; i++) {
		if (from[i] != '\\') {
			out[n++] = from[i];
			continue;
		}
		i++;
		if (from[i] == 'x') {
			out[n++] = (char)(nibble(from[i + 1]) << 4 | nibble(from[i + 2]));
			i += 2;
		} else {
			out[n++] = from[i] == 'n' ? '\n' : from[i] == 't' ? '\t' : from[i];
		}
	}
	return (struct span){out, n};
}

static const char *key_of(const struct log_line *l, const struct log_pair *p, char out[static 64])
{
	(void)snprintf(out, 64, "%.*s", (int)p->key_n, l->text + p->key);
	return out;
}

static size_t put_json(const struct log_line *l, size_t pairs, char *out, size_t room)
{
	struct json j;

	json_init(&j, out, room);
	json_open_object(&j, NULL);
	for (size_t i = 0; i < pairs; i++) {
		const struct log_pair *p = &l->pair[i];
		char key[64], value[LOG_VALUE_MAX + 4];

		if (p->number)
			json_int(&j, key_of(l, p, key), strtoll(l->text + p->value, NULL, 10));
		else
			json_span(&j, key_of(l, p, key), plain(l, p, value));
	}
	if (l->cut || pairs < l->pairs)
		json_bool(&j, "cut", true);
	json_close_object(&j);
	return json_done(&j).n;
}

size_t log_format_json(const struct log_line *l, char out[static LOG_OUT_MAX])
{
	size_t pairs = l->pairs, n;

	/* a value of nothing but hidden characters takes six times its room */
	while ((n = put_json(l, pairs, out, LOG_OUT_MAX - 1)) == 0 && pairs > 0)
		pairs--;
	out[n] = '\n';
	return n + 1;
}

/* --- https://systemd.io/JOURNAL_NATIVE_PROTOCOL --- */

struct datagram {
	char *to;
	size_t n;
};

static bool put(struct datagram *d, const void *p, size_t n)
{
	if (n > LOG_OUT_MAX - d->n)
		return false;
	memcpy(d->to + d->n, p, n);
	d->n += n;
	return true;
}

/* A field, or nothing of it; a value of several lines goes behind its length. */
static void put_field(struct datagram *d, const char *name, struct span value)
{
	size_t before = d->n;
	uint8_t length[8];
	bool lines = value.n > 0 && memchr(value.p, '\n', value.n) != NULL;
	bool fits = put(d, name, strlen(name));

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (uint8_t)((uint64_t)value.n >> 8 * i);
	fits = fits && put(d, lines ? "\n" : "=", 1);
	if (lines)
		fits = fits && put(d, length, sizeof(length));
	if (!fits || !put(d, value.p, value.n) || !put(d, "\n", 1))
		d->n = before;
}

static const char *field_name(const struct log_line *l, const struct log_pair *p, char out[static 80])
{
	int n = snprintf(out, 80, "SALLYPORT_%.*s", (int)p->key_n, l->text + p->key);

	for (int i = 0; i < n && i < 79; i++)
		out[i] = isalnum((unsigned char)out[i]) ? (char)toupper((unsigned char)out[i]) : '_';
	return out;
}

size_t log_format_journal(const struct log_line *l, char out[static LOG_OUT_MAX])
{
	static const char *const priorities[] = {
	    [LOG_ERROR] = "3", [LOG_WARNING] = "4", [LOG_INFO] = "6", [LOG_DEBUG] = "7"};
	struct datagram d = {out, 0};
	/* ts and level stand first, and journald has them by itself */
	size_t skipped = l->pairs > 2 ? l->pair[2].key : 0;

	put_field(&d, "MESSAGE", (struct span){l->text + skipped, l->n - skipped});
	put_field(&d, "PRIORITY", span_of(priorities[l->level]));
	put_field(&d, "SYSLOG_IDENTIFIER", SPAN("sallyport"));
	for (size_t i = 2; i < l->pairs; i++) {
		char name[80], value[LOG_VALUE_MAX + 4];

		put_field(&d, field_name(l, &l->pair[i], name), plain(l, &l->pair[i], value));
	}
	return d.n;
}
