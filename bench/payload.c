#include "payload.h"

#include <stdlib.h>

#include "payload_shapes.h"

static const char digits16[] = "0123456789abcdef";

static void put_hex(char *to, size_t n, uint64_t value)
{
	for (size_t i = n; i-- > 0; value >>= 4)
		to[i] = digits16[value & 15];
}

static uint64_t get_hex(const char *from, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 4 | (uint64_t)(from[i] <= '9' ? from[i] - '0' : from[i] - 'a' + 10);
	return value;
}

void payload_route(char out[ROUTE_DIGITS + 1], uint32_t route)
{
	for (size_t i = ROUTE_DIGITS; i-- > 0; route /= 10)
		out[i] = (char)('0' + route % 10);
	out[ROUTE_DIGITS] = '\0';
}

/* --- making shapes --- */

struct maker {
	struct shape *shape;
	const struct plan *plan;
	size_t cap;
	size_t body; /* bytes that %b stands for */
	bool ok;
};

static void put(struct maker *m, const char *text, size_t n)
{
	struct shape *s = m->shape;

	if (!m->ok || n > PAYLOAD_STANZA_MAX - s->n) {
		m->ok = false;
		return;
	}
	if (s->n + n > m->cap) {
		size_t cap = 2 * (s->n + n);
		char *larger = realloc(s->text, cap);

		if (larger == NULL) {
			m->ok = false;
			return;
		}
		s->text = larger;
		m->cap = cap;
	}
	memcpy(s->text + s->n, text, n);
	s->n += n;
}

static void put_field(struct maker *m, enum field_kind kind, size_t n)
{
	struct shape *s = m->shape;

	ENSURE(s->fields < PAYLOAD_FIELDS);
	s->field[s->fields++] = (struct field){kind, s->n, n};
	put(m, "0000000000000000", n);
}

static void put_peer(struct maker *m)
{
	put(m, "r", 1);
	put_field(m, FIELD_ROUTE, ROUTE_DIGITS);
	put(m, ".", 1);
	put(m, m->plan->peers, strlen(m->plan->peers));
}

static void put_domain(struct maker *m, bool sender)
{
	if (sender == (m->plan->direction == DIRECTION_IN))
		put_peer(m);
	else
		put(m, m->plan->local, strlen(m->plan->local));
}

static void put_body(struct maker *m)
{
	static const char words[] = "The quick brown fox jumps over the lazy dog, and then it does so once more. ";
	size_t left = m->body;

	while (left > 0) {
		size_t n = left < sizeof(words) - 1 ? left : sizeof(words) - 1;

		put(m, words, n);
		left -= n;
	}
}

/* %f, %t: the domains of sender and receiver; %i: the id; %b: the body. */
static bool make_shape(struct shape *s, const struct shape_row *row, const struct plan *plan, size_t body)
{
	struct maker m = {s, plan, 0, body, true};

	*s = (struct shape){.name = row->name};
	for (const char *p = row->text; *p != '\0';) {
		size_t n = strcspn(p, "%");

		put(&m, p, n);
		p += n;
		if (*p == '\0')
			break;
		switch (p[1]) {
		case 'f':
		case 't':
			put_domain(&m, p[1] == 'f');
			break;
		case 'i':
			put_field(&m, FIELD_SEQ, SEQ_DIGITS);
			put(&m, "-", 1);
			put_field(&m, FIELD_TIME, TIME_DIGITS);
			break;
		case 'b':
			put_body(&m);
			break;
		}
		p += 2;
	}
	return m.ok;
}

/* A stanza of `total` bytes: how much body that leaves. */
static bool fit_body(const struct shape_row *row, const struct plan *plan, size_t total, size_t *body)
{
	struct shape bare;
	bool ok = make_shape(&bare, row, plan, 0) && bare.n < total;

	*body = ok ? total - bare.n : 0;
	free(bare.text);
	return ok;
}

static bool fill(struct payload *p, const struct payload_row *row, const struct plan *plan, size_t size)
{
	while (row->shapes[p->n] != NULL)
		p->n++;
	p->shape = calloc(p->n, sizeof(*p->shape));
	for (size_t i = 0; p->shape != NULL && i < p->n; i++) {
		const struct shape_row *shape = payload_shape(row->shapes[i]);
		size_t body = size;

		if (row->size_is_total && !fit_body(shape, plan, size, &body))
			return false;
		if (!make_shape(&p->shape[i], shape, plan, body))
			return false;
		p->bytes += p->shape[i].n;
		if (p->shape[i].n > p->largest)
			p->largest = p->shape[i].n;
	}
	return p->shape != NULL;
}

bool payload_init(struct payload *p, const char *spec, const struct plan *plan, char *err, size_t err_n)
{
	size_t name_n = strcspn(spec, ":"), size = 0;
	const struct payload_row *row = payload_row((struct span){spec, name_n});
	char *end = NULL;

	*p = (struct payload){0};
	if (row == NULL) {
		snprintf(err, err_n, "there is no payload \"%s\": see `sallyport-bench payloads`", spec);
		return false;
	}
	size = row->size;
	if (spec[name_n] == ':')
		size = strtoul(spec + name_n + 1, &end, 10);
	if (end != NULL && (*end != '\0' || row->size == 0 || size == 0 || size > PAYLOAD_STANZA_MAX / 2)) {
		snprintf(err, err_n, "payload \"%s\": %s", spec,
		    row->size == 0 ? "its sizes are fixed" : "the size must be a number up to 2097152");
		return false;
	}
	if (fill(p, row, plan, size))
		return true;
	snprintf(err, err_n, "payload \"%s\": too small for the stanza around it", spec);
	payload_free(p);
	return false;
}

void payload_free(struct payload *p)
{
	for (size_t i = 0; p->shape != NULL && i < p->n; i++)
		free(p->shape[i].text);
	free(p->shape);
	*p = (struct payload){0};
}

void payload_list(FILE *to, const struct plan *plan)
{
	const struct payload_row *row;

	for (size_t i = 0; (row = payload_row_at(i)) != NULL; i++) {
		struct payload p = {0};

		fprintf(to, "%s%s: %s\n", row->name, row->size > 0 ? ":N" : "", row->text);
		if (fill(&p, row, plan, row->size)) {
			for (size_t j = 0; j < p.n; j++)
				fprintf(to, "  %6zu bytes  %s\n", p.shape[j].n, p.shape[j].name);
			if (p.n > 1)
				fprintf(to, "  %6zu bytes  on average\n", p.bytes / p.n);
		}
		payload_free(&p);
	}
}

/* --- sending --- */

static void put_value(const struct field *f, const char *route, uint64_t seq, uint64_t time, char *to)
{
	switch (f->kind) {
	case FIELD_ROUTE:
		memcpy(to, route, ROUTE_DIGITS);
		break;
	case FIELD_SEQ:
		put_hex(to, SEQ_DIGITS, seq);
		break;
	case FIELD_TIME:
		put_hex(to, TIME_DIGITS, time);
		break;
	}
}

size_t payload_put(const struct payload *p, const char *route, uint64_t seq, uint64_t time, char *to)
{
	const struct shape *s = &p->shape[seq % p->n];

	memcpy(to, s->text, s->n);
	for (size_t i = 0; i < s->fields; i++)
		put_value(&s->field[i], route, seq, time, to + s->field[i].at);
	return s->n;
}

/* --- checking --- */

void check_init(struct check *c, const struct payload *p, uint32_t route)
{
	*c = (struct check){.payload = p};
	payload_route(c->route, route);
}

/* How many of the n bytes are as expected. */
static size_t same(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	if (memcmp(a, b, n) == 0)
		return n;
	while (a[i] == b[i])
		i++;
	return i;
}

/* The same for n bytes of a field, from its byte `from`. */
static size_t same_field(struct check *c, const struct field *f, const char *bytes, size_t from, size_t n)
{
	char want[TIME_DIGITS];

	if (f->kind != FIELD_TIME) {
		put_value(f, c->route, c->seq, 0, want);
		return same(bytes, want + from, n);
	}
	for (size_t i = 0; i < n; i++) {
		if (memchr(digits16, bytes[i], 16) == NULL)
			return i;
		c->time[from + i] = bytes[i];
	}
	return n;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Compares n bytes with the stanza from c->at on. */
static size_t match(struct check *c, const struct shape *s, const char *bytes, size_t n)
{
	size_t at = c->at, end = c->at + n, got;

	for (size_t i = 0; i <= s->fields && at < end; i++) {
		const struct field *f = i < s->fields ? &s->field[i] : NULL;
		size_t literal_end = least(f != NULL ? f->at : s->n, end);

		if (at < literal_end) {
			got = same(bytes + (at - c->at), s->text + at, literal_end - at);
			at += got;
			if (at < literal_end)
				return at - c->at;
		}
		if (f == NULL || at >= end || at >= f->at + f->n)
			continue;
		n = least(f->at + f->n, end) - at;
		got = same_field(c, f, bytes + (at - c->at), at - f->at, n);
		at += got;
		if (got < n)
			return at - c->at;
	}
	return at - c->at;
}

static void drop(struct span *in, size_t n)
{
	in->p += n;
	in->n -= n;
}

enum check_rc check_next(struct check *c, struct span *in, uint64_t *time)
{
	const struct shape *s = &c->payload->shape[c->seq % c->payload->n];
	size_t n, got;

	/* keepalives may stand between stanzas */
	while (c->at == 0 && in->n > 0 && (in->p[0] == ' ' || in->p[0] == '\n' || in->p[0] == '\t' || in->p[0] == '\r'))
		drop(in, 1);
	if (in->n == 0)
		return CHECK_MORE;
	n = least(in->n, s->n - c->at);
	got = match(c, s, in->p, n);
	drop(in, got);
	c->at += got;
	if (got < n) {
		if (c->at != 1 || in->p[0] != '/')
			return CHECK_BAD;
		drop(in, in->n);
		return CHECK_END;
	}
	if (c->at < s->n)
		return CHECK_MORE;
	c->at = 0;
	c->seq++;
	*time = get_hex(c->time, TIME_DIGITS);
	return CHECK_STANZA;
}
