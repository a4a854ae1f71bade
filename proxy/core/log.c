#include "log_internal.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "sallyport/utf8.h"

/* Kept free at the end of each line, so that a line that ran out of room says so. */
#define LOG_CUT_MARK " cut=true"
#define LOG_ELLIPSIS "…"

static _Atomic int log_level = LOG_INFO;

static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	log_level = (int)level;
}

bool log_wanted(enum log_level level)
{
	return (int)level <= log_level || log_live_wanted(level);
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

bool log_level_parse(struct span text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (span_eq(text, span_of(level_names[i]))) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* Writes one character of value, escaped where it has to be; returns how many bytes of value it took. */
static size_t put_char(struct span value, char out[static 16], size_t *n_out)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t cp = 0;
	size_t n = utf8_read(value, &cp);
	size_t o = 0;

	if (n > 0 && cp != '"' && cp != '\\' && !utf8_is_hidden(cp)) {
		memcpy(out, value.p, n);
		*n_out = n;
		return n;
	}
	n = n == 0 ? 1 : n;
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = (uint8_t)value.p[i];

		out[o++] = '\\';
		if (byte == '"' || byte == '\\') {
			out[o++] = (char)byte;
		} else if (byte == '\n' || byte == '\t') {
			out[o++] = byte == '\n' ? 'n' : 't';
		} else {
			out[o++] = 'x';
			out[o++] = hex[byte >> 4];
			out[o++] = hex[byte & 15];
		}
	}
	*n_out = o;
	return n;
}

/* The value as it will stand after "key=", at most LOG_VALUE_MAX bytes of it, without quotes; *quote: it needs them. */
static size_t value_escape(struct span value, char out[static LOG_VALUE_MAX + sizeof(LOG_ELLIPSIS)], bool *quote)
{
	size_t n = 0;

	*quote = false;
	while (value.n > 0) {
		char piece[16];
		size_t piece_n;
		size_t used = put_char(value, piece, &piece_n);

		if (piece_n > LOG_VALUE_MAX - n) {
			memcpy(out + n, LOG_ELLIPSIS, sizeof(LOG_ELLIPSIS) - 1);
			return n + sizeof(LOG_ELLIPSIS) - 1;
		}
		if (piece_n != used || piece[0] == ' ' || piece[0] == '=')
			*quote = true;
		memcpy(out + n, piece, piece_n);
		n += piece_n;
		value.p += used;
		value.n -= used;
	}
	return n;
}

static void line_put(struct log_line *l, const char *p, size_t n)
{
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

/* The pair goes in whole or not at all: a line cut in mid-value would swallow the keys behind it. */
static void put_pair(struct log_line *l, const char *key, const char *value, size_t n, bool quote, bool number)
{
	size_t key_n = strlen(key);
	size_t room = sizeof(l->text) - sizeof(LOG_CUT_MARK "\n") - l->n;

	struct log_pair *p = &l->pair[l->pairs];

	if (l->cut || key_n + n + 4 > room || l->pairs == LOG_PAIRS) {
		l->cut = true;
		return;
	}
	if (l->n > 0)
		line_put(l, " ", 1);
	*p = (struct log_pair){
	    .key = (uint16_t)l->n, .key_n = (uint16_t)key_n, .value_n = (uint16_t)n, .number = number};
	line_put(l, key, key_n);
	line_put(l, "=", 1);
	if (quote)
		line_put(l, "\"", 1);
	p->value = (uint16_t)l->n;
	line_put(l, value, n);
	if (quote)
		line_put(l, "\"", 1);
	l->pairs++;
}

static bool names_domain(const char *key)
{
	static const char *const keys[] = {"from", "to", "host", "domain"};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (strcmp(key, keys[i]) == 0)
			return true;
	}
	return false;
}

void log_span(struct log_line *l, const char *key, struct span value)
{
	char text[LOG_VALUE_MAX + sizeof(LOG_ELLIPSIS)];
	bool quote;
	size_t n;

	if (!l->wanted || value.n == 0)
		return;
	n = value_escape(value, text, &quote);
	put_pair(l, key, text, n, quote, false);
	if (!l->cut && !quote && l->domains < LOG_DOMAINS && names_domain(key)) {
		l->domain[l->domains].at = (uint16_t)(l->n - n);
		l->domain[l->domains++].n = (uint16_t)n;
	}
}

void log_str(struct log_line *l, const char *key, const char *value)
{
	log_span(l, key, span_of(value));
}

void log_int(struct log_line *l, const char *key, int64_t value)
{
	char text[24];

	if (!l->wanted)
		return;
	put_pair(l, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value), false, true);
}

void log_source(struct log_line *l, struct span source)
{
	l->source = source;
}

static void put_time(struct log_line *l)
{
	char text[48];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
	put_pair(l, "ts", text, n, false, false);
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
	l->level = level;
	l->wanted = log_wanted(level);
	l->cut = false;
	l->domains = 0;
	l->pairs = 0;
	l->source = SPAN_NONE;
	l->n = 0;
	if (!l->wanted)
		return;
	put_time(l);
	log_str(l, "level", level_names[level]);
	log_str(l, "event", event);
}

void log_end(struct log_line *l)
{
	uint64_t suppressed = 0;

	if (!l->wanted)
		return;
	bool extra = (int)l->level > log_level;
	if (extra && !log_live_ruled(l))
		return;
	/* what was asked for by a rule is wanted in full, and so it is by whoever listens */
	bool passes = extra || log_limit_passes(l, &suppressed);
	if (suppressed > 0)
		log_int(l, "suppressed", (int64_t)suppressed);
	if (l->cut)
		line_put(l, LOG_CUT_MARK, sizeof(LOG_CUT_MARK) - 1);
	if (passes)
		log_sink_put(l);
	log_live_tell(l);
}

void log_text(enum log_level level, const char *event, const char *fmt, ...)
{
	char text[LOG_VALUE_MAX + 2];
	struct log_line l;
	va_list args;

	if (!log_wanted(level))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_begin(&l, level, event);
	log_str(&l, "text", text);
	log_end(&l);
}
