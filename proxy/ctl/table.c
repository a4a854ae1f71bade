/* Tables that fit the terminal: numbers to the right, long words cut in their middle. */
#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sallyport/utf8.h"

/* No column gets narrower. */
#define NARROWEST 8u

struct cell {
	char *text;
	enum ctl_colour colour;
};

struct ctl_table {
	const struct ctl_column *columns;
	size_t n;
	struct cell *cells; /* row after row; the last row is being filled */
	size_t cells_n, cap;
	bool failed;
};

struct ctl_table *ctl_table_new(const struct ctl_column *columns, size_t n)
{
	struct ctl_table *t = calloc(1, sizeof(*t));

	if (t != NULL)
		*t = (struct ctl_table){.columns = columns, .n = n};
	return t;
}

void ctl_table_free(struct ctl_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->cells_n; i++)
		free(t->cells[i].text);
	free(t->cells);
	free(t);
}

void ctl_table_put(struct ctl_table *t, enum ctl_colour colour, const char *text)
{
	if (t == NULL || t->failed)
		return;
	if (t->cells_n == t->cap) {
		size_t cap = t->cap * 2 + 64;
		struct cell *more = realloc(t->cells, cap * sizeof(*more));

		if (more == NULL) {
			t->failed = true;
			return;
		}
		t->cells = more;
		t->cap = cap;
	}
	t->cells[t->cells_n].colour = colour;
	t->cells[t->cells_n].text = strdup(text);
	t->failed = t->cells[t->cells_n].text == NULL;
	t->cells_n += !t->failed;
}

static int in_order(const void *a, const void *b, void *arg)
{
	const struct cell *x = a, *y = b;
	size_t n = *(const size_t *)arg;
	int order = 0;

	for (size_t i = 0; i < n && order == 0; i++)
		order = strcmp(x[i].text, y[i].text);
	return order;
}

static size_t screen(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return SIZE_MAX;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Takes from the widest column that may be cut, until all fit or none gives more. */
static void fit(const struct ctl_table *t, size_t *width)
{
	size_t sum = t->n - 1, room = screen();

	for (size_t i = 0; i < t->n; i++)
		sum += width[i];
	while (sum > room) {
		size_t widest = t->n;

		for (size_t i = 0; i < t->n; i++) {
			if (t->columns[i].cut && width[i] > NARROWEST && (widest == t->n || width[i] > width[widest]))
				widest = i;
		}
		if (widest == t->n)
			return;
		width[widest]--;
		sum--;
	}
}

/* Into out: text with its middle left out, so that it has `width` columns. */
static void cut(const char *text, size_t width, char *out)
{
	size_t all = utf8_columns(span_of(text)), head = (width - 1) / 2, tail = width - 1 - head, at = 0;

	for (struct span rest = span_of(text); rest.n > 0; at++) {
		uint32_t cp;
		size_t n = utf8_read(rest, &cp);

		n = n == 0 ? 1 : n;
		if (at == head) {
			memcpy(out, "…", sizeof("…") - 1);
			out += sizeof("…") - 1;
		}
		if (at < head || at >= all - tail) {
			memcpy(out, rest.p, n);
			out += n;
		}
		rest.p += n;
		rest.n -= n;
	}
	*out = '\0';
}

static void print_cell(
    const struct ctl_column *column, enum ctl_colour colour, const char *text, size_t width, bool last)
{
	size_t have = utf8_columns(span_of(text));
	char *shown = have > width ? malloc(strlen(text) + sizeof("…")) : NULL;

	if (shown != NULL) {
		cut(text, width, shown);
		have = width;
	}
	if (column->right)
		printf("%*s", have < width ? (int)(width - have) : 0, "");
	ctl_put_in(colour, shown != NULL ? shown : text);
	if (!column->right && !last)
		printf("%*s", have < width ? (int)(width - have) : 0, "");
	putchar(last ? '\n' : ' ');
	free(shown);
}

bool ctl_table_print(struct ctl_table *t)
{
	size_t rows = t != NULL ? t->cells_n / t->n : 0;
	size_t *width = t != NULL ? calloc(t->n, sizeof(*width)) : NULL;

	if (width == NULL || t->failed) {
		fprintf(stderr, "sallyportctl: no memory\n");
		free(width);
		return false;
	}
	if (rows > 0)
		qsort_r(t->cells, rows, t->n * sizeof(*t->cells), in_order, &t->n);
	for (size_t i = 0; i < t->n; i++) {
		width[i] = utf8_columns(span_of(t->columns[i].name));
		for (size_t row = 0; row < rows; row++) {
			size_t w = utf8_columns(span_of(t->cells[row * t->n + i].text));

			width[i] = w > width[i] ? w : width[i];
		}
	}
	fit(t, width);
	for (size_t i = 0; rows > 0 && i < t->n; i++)
		print_cell(&t->columns[i], CTL_BOLD, t->columns[i].name, width[i], i + 1 == t->n);
	for (size_t i = 0; i < rows * t->n; i++)
		print_cell(
		    &t->columns[i % t->n], t->cells[i].colour, t->cells[i].text, width[i % t->n], (i + 1) % t->n == 0);
	free(width);
	return rows > 0;
}
