#include "sallyport/json.h"

#include <stdio.h>

#include "sallyport/utf8.h"

#define REPLACEMENT 0xfffdu

void json_init(struct json *j, char *to, size_t cap)
{
	*j = (struct json){.to = to, .cap = cap};
}

struct span json_done(const struct json *j)
{
	return j->full ? SPAN_NONE : (struct span){j->to, j->n};
}

static void put(struct json *j, const char *p, size_t n)
{
	if (n > j->cap - j->n)
		j->full = true;
	if (j->full)
		return;
	memcpy(j->to + j->n, p, n);
	j->n += n;
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
	if (key == NULL)
		return;
	put(j, "\"", 1);
	put(j, key, strlen(key));
	put(j, "\":", 2);
}

static void open_bracket(struct json *j, const char *key, const char *bracket)
{
	begin(j, key);
	put(j, bracket, 1);
	j->comma = false;
}

static void close_bracket(struct json *j, const char *bracket)
{
	put(j, bracket, 1);
	j->comma = true;
}

void json_open_object(struct json *j, const char *key)
{
	open_bracket(j, key, "{");
}

void json_close_object(struct json *j)
{
	close_bracket(j, "}");
}

void json_open_array(struct json *j, const char *key)
{
	open_bracket(j, key, "[");
}

void json_close_array(struct json *j)
{
	close_bracket(j, "]");
}

static void put_escape(struct json *j, uint32_t cp)
{
	char text[16];
	int n;

	if (cp < 0x10000)
		n = snprintf(text, sizeof(text), "\\u%04x", cp);
	else
		n = snprintf(
		    text, sizeof(text), "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10), 0xdc00 + (cp & 0x3ff));
	put(j, text, (size_t)n);
}

/* Returns how many bytes of value it took. */
static size_t put_char(struct json *j, struct span value)
{
	uint32_t cp = REPLACEMENT;
	size_t n = utf8_read(value, &cp);

	if (cp == '"' || cp == '\\') {
		put(j, "\\", 1);
		put(j, value.p, 1);
	} else if (n == 0 || utf8_is_hidden(cp)) {
		put_escape(j, cp);
	} else {
		put(j, value.p, n);
	}
	return n == 0 ? 1 : n;
}

void json_span(struct json *j, const char *key, struct span value)
{
	begin(j, key);
	put(j, "\"", 1);
	while (value.n > 0) {
		size_t used = put_char(j, value);

		value.p += used;
		value.n -= used;
	}
	put(j, "\"", 1);
}

void json_str(struct json *j, const char *key, const char *value)
{
	json_span(j, key, span_of(value));
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	begin(j, key);
	put(j, text, (size_t)n);
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}
