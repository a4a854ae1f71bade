#include "sallyport/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "sallyport/utf8.h"

/* Kept free at the end of each line, so that a line that ran out of room says so. */
#define LOG_CUT_MARK " cut=true"
#define LOG_ELLIPSIS "…"

static _Atomic int log_level = LOG_INFO;
static _Atomic int log_fd = STDERR_FILENO;

struct rule {
	char domain[LOG_VALUE_MAX];
	size_t n;
	bool below;
	enum log_level level;
};

/* What is asked for at run time.  Without it a line costs one look at each of the two atomic ones. */
static struct {
	_Atomic int most; /* the highest level of a rule; -1: none */
	_Atomic bool heard;
	pthread_mutex_t lock; /* guards the rest */
	struct rule rule[LOG_RULES];
	size_t rules;
	void (*fn)(void *arg, const struct log_line *l);
	void *arg;
} live = {.most = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

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

void log_set_fd(int fd)
{
	log_fd = fd;
}

bool log_wanted(enum log_level level)
{
	return (int)level <= log_level || (int)level <= live.most;
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
static void put_pair(struct log_line *l, const char *key, const char *value, size_t n, bool quote)
{
	size_t key_n = strlen(key);
	size_t room = sizeof(l->text) - sizeof(LOG_CUT_MARK "\n") - l->n;

	if (l->cut || key_n + n + 4 > room) {
		l->cut = true;
		return;
	}
	if (l->n > 0)
		line_put(l, " ", 1);
	line_put(l, key, key_n);
	line_put(l, "=", 1);
	if (quote)
		line_put(l, "\"", 1);
	line_put(l, value, n);
	if (quote)
		line_put(l, "\"", 1);
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
	put_pair(l, key, text, n, quote);
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
	put_pair(l, key, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value), false);
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
	put_pair(l, "ts", text, n, false);
}

void log_begin(struct log_line *l, enum log_level level, const char *event)
{
	l->level = level;
	l->wanted = log_wanted(level);
	l->cut = false;
	l->domains = 0;
	l->n = 0;
	if (!l->wanted)
		return;
	put_time(l);
	log_str(l, "level", level_names[level]);
	log_str(l, "event", event);
}

static bool same_domain(struct span name, struct span domain, bool below)
{
	if (!below)
		return span_eq(name, domain);
	return name.n > domain.n && name.p[name.n - domain.n - 1] == '.' &&
	       memcmp(name.p + name.n - domain.n, domain.p, domain.n) == 0;
}

bool log_is_about(const struct log_line *l, struct span domain, bool below)
{
	for (size_t i = 0; i < l->domains; i++) {
		if (same_domain((struct span){l->text + l->domain[i].at, l->domain[i].n}, domain, below))
			return true;
	}
	return false;
}

/* The lock is held. */
static struct rule *find_rule(struct span domain, bool below)
{
	for (size_t i = 0; i < live.rules; i++) {
		struct rule *r = &live.rule[i];

		if (r->below == below && span_eq((struct span){r->domain, r->n}, domain))
			return r;
	}
	return NULL;
}

/* The lock is held. */
static void find_most(void)
{
	int most = -1;

	for (size_t i = 0; i < live.rules; i++)
		most = (int)live.rule[i].level > most ? (int)live.rule[i].level : most;
	live.most = most;
}

bool log_rule_set(struct span domain, bool below, enum log_level level)
{
	struct rule *r;

	pthread_mutex_lock(&live.lock);
	r = find_rule(domain, below);
	if (r == NULL && live.rules < LOG_RULES && domain.n <= sizeof(r->domain))
		r = &live.rule[live.rules++];
	if (r != NULL) {
		memcpy(r->domain, domain.p, domain.n);
		r->n = domain.n;
		r->below = below;
		r->level = level;
		find_most();
	}
	pthread_mutex_unlock(&live.lock);
	return r != NULL;
}

bool log_rule_drop(struct span domain, bool below)
{
	struct rule *r;

	pthread_mutex_lock(&live.lock);
	r = find_rule(domain, below);
	if (r != NULL) {
		*r = live.rule[--live.rules];
		find_most();
	}
	pthread_mutex_unlock(&live.lock);
	return r != NULL;
}

void log_listen(void (*fn)(void *arg, const struct log_line *l), void *arg)
{
	pthread_mutex_lock(&live.lock);
	live.fn = fn;
	live.arg = arg;
	live.heard = fn != NULL;
	pthread_mutex_unlock(&live.lock);
}

/* A line above the general level is there for the sake of a rule; is it for this one? */
static bool ruled(const struct log_line *l)
{
	bool yes = false;

	pthread_mutex_lock(&live.lock);
	for (size_t i = 0; i < live.rules && !yes; i++) {
		const struct rule *r = &live.rule[i];

		yes = l->level <= r->level && log_is_about(l, (struct span){r->domain, r->n}, r->below);
	}
	pthread_mutex_unlock(&live.lock);
	return yes;
}

static void tell(struct log_line *l)
{
	if (!live.heard)
		return;
	l->n--; /* without its end */
	pthread_mutex_lock(&live.lock);
	if (live.fn != NULL)
		live.fn(live.arg, l);
	pthread_mutex_unlock(&live.lock);
}

void log_end(struct log_line *l)
{
	if (!l->wanted || ((int)l->level > log_level && !ruled(l)))
		return;
	if (l->cut)
		line_put(l, LOG_CUT_MARK, sizeof(LOG_CUT_MARK) - 1);
	line_put(l, "\n", 1);
	/* A log that can't be written to must not stop the gateway, and there is nobody to tell. */
	ssize_t written = write(log_fd, l->text, l->n);
	(void)written;
	tell(l);
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
