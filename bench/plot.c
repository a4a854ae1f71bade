#include "plot.h"

#include <math.h>
#include <stdlib.h>

#include "report.h"

#define WIDTH 760
#define HEIGHT 300
#define LEFT 70
#define RIGHT 16
#define TOP 34
#define BOTTOM 46
#define TICKS 6

static const char *const colours[PLOT_LINES_MAX] = {
    "#1f6feb", "#d1552b", "#2a9d4a", "#8a4fbf", "#b8860b", "#138a8a", "#c2185b", "#555555"};

static const struct {
	const char *name, *title, *x, *y;
	bool log_y;
	const char *key; /* of the series */
	double scale;
} kinds[PLOT_KINDS] = {
    [PLOT_LATENCY] = {"latency", "Latency by percentile", "percentile", "latency", true, NULL, 1},
    [PLOT_THROUGHPUT] = {"throughput", "Throughput", "seconds", "stanzas a second", false, "stanzas_per_second", 1},
    [PLOT_CPU] = {"cpu", "CPU of the process under test", "seconds", "% of a core", false, "gateway_cpu", 0.01},
    [PLOT_MEMORY] = {"memory", "Resident memory of the process under test", "seconds", "MB", false,
        "gateway_memory_bytes", 1e6},
};

const char *plot_name(enum plot_kind kind)
{
	return kinds[kind].name;
}

void plot_escape(FILE *to, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '&':
			fputs("&amp;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*text, to);
		}
	}
}

/* --- points --- */

struct range {
	double x0, x1, y0, y1;
};

/* Percentile p lies at the number of its nines: 90 at 1, 99 at 2. */
static double nines(double fraction)
{
	return fraction < 1 ? -log10(1 - fraction) : INFINITY;
}

/* Point i of a report; false: there is none. */
static bool point(enum plot_kind kind, const json_t *report, size_t i, double *x, double *y)
{
	if (kind == PLOT_LATENCY) {
		const json_t *list = json_object_get(json_object_get(report, "latency"), "spectrum");
		const json_t *p = json_array_get(list, i);

		if (p == NULL)
			return false;
		*x = nines(json_number_value(json_array_get(p, 0)));
		*y = json_number_value(json_array_get(p, 1));
		return isfinite(*x);
	}
	const json_t *p = json_array_get(json_object_get(report, "series"), i);
	const json_t *value = json_object_get(p, kinds[kind].key);

	if (value == NULL)
		return false;
	*x = json_number_value(json_object_get(p, "t"));
	*y = json_number_value(value) / kinds[kind].scale;
	return true;
}

static bool find_range(enum plot_kind kind, json_t *const *reports, size_t n, struct range *r)
{
	double x, y;

	*r = (struct range){0, 0, INFINITY, 0};
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; point(kind, reports[i], j, &x, &y); j++) {
			r->x1 = fmax(r->x1, x);
			r->y0 = fmin(r->y0, y);
			r->y1 = fmax(r->y1, y);
		}
	}
	if (r->x1 <= 0 || r->y1 <= 0)
		return false;
	if (kinds[kind].log_y) {
		r->y0 = pow(10, floor(log10(fmax(r->y0, 1))));
		r->y1 = pow(10, ceil(log10(r->y1 * 1.01)));
	} else {
		r->y0 = 0;
		r->y1 *= 1.08;
	}
	return true;
}

static double place_x(const struct range *r, double x)
{
	return LEFT + (x - r->x0) / (r->x1 - r->x0) * (WIDTH - LEFT - RIGHT);
}

static double place_y(enum plot_kind kind, const struct range *r, double y)
{
	double share = kinds[kind].log_y ? log10(fmax(y, r->y0) / r->y0) / log10(r->y1 / r->y0) : y / r->y1;

	return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
}

/* --- axes --- */

/* 1, 2 or 5 times a power of ten. */
static double nice_step(double span)
{
	double rough = span / TICKS, base = pow(10, floor(log10(rough)));

	return rough <= base ? base : rough <= 2 * base ? 2 * base : rough <= 5 * base ? 5 * base : 10 * base;
}

static void put_label(FILE *to, double x, double y, const char *anchor, const char *text)
{
	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
	plot_escape(to, text);
	fputs("</text>\n", to);
}

static void put_line(FILE *to, double x0, double y0, double x1, double y1)
{
	fprintf(to, "<path class=\"grid\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x0, y0, x1, y1);
}

static void put_number(
    FILE *to, double x, double y, const char *anchor, double value, enum plot_kind kind, bool vertical)
{
	char text[32];

	if (vertical && kind == PLOT_LATENCY && value >= 1e6)
		snprintf(text, sizeof(text), "%g s", value / 1e6);
	else if (vertical && kind == PLOT_LATENCY && value >= 1e3)
		snprintf(text, sizeof(text), "%g ms", value / 1e3);
	else if (vertical && kind == PLOT_LATENCY)
		snprintf(text, sizeof(text), "%g us", value);
	else if (value >= 1e6)
		snprintf(text, sizeof(text), "%gM", value / 1e6);
	else if (value >= 1e4)
		snprintf(text, sizeof(text), "%gk", value / 1e3);
	else
		snprintf(text, sizeof(text), "%g", value);
	put_label(to, x, y, anchor, text);
}

static void put_y_axis(FILE *to, enum plot_kind kind, const struct range *r)
{
	double step = kinds[kind].log_y ? 0 : nice_step(r->y1);

	for (double y = kinds[kind].log_y ? r->y0 : 0; y <= r->y1 * 1.0001; y = step > 0 ? y + step : y * 10) {
		double at = place_y(kind, r, y);

		put_line(to, LEFT, at, WIDTH - RIGHT, at);
		put_number(to, LEFT - 6, at + 4, "end", y, kind, true);
	}
}

static void put_x_axis(FILE *to, enum plot_kind kind, const struct range *r)
{
	static const char *const percentiles[] = {"0", "90", "99", "99.9", "99.99", "99.999", "99.9999", "99.99999"};
	double step = kind == PLOT_LATENCY ? 1 : nice_step(r->x1);

	for (double x = 0; x <= r->x1 * 1.0001; x += step) {
		double at = place_x(r, x);
		size_t i = (size_t)(x + 0.5);

		put_line(to, at, HEIGHT - BOTTOM, at, TOP);
		if (kind != PLOT_LATENCY)
			put_number(to, at, HEIGHT - BOTTOM + 16, "middle", x, kind, false);
		else if (i < ARRAY_LEN(percentiles))
			put_label(to, at, HEIGHT - BOTTOM + 16, "middle", percentiles[i]);
	}
	put_label(to, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "middle", kinds[kind].x);
}

/* --- lines --- */

static const char *label_of(const json_t *report)
{
	const char *label = report_text(report, "label");

	return label[0] != '\0' ? label : report_text(report, "scenario");
}

static void put_series(FILE *to, enum plot_kind kind, const struct range *r, const json_t *report, size_t line)
{
	double x, y;

	fprintf(to, "<path class=\"line\" stroke=\"%s\" d=\"", colours[line]);
	for (size_t i = 0; point(kind, report, i, &x, &y); i++)
		fprintf(to, "%c%.1f %.1f", i == 0 ? 'M' : 'L', place_x(r, x), place_y(kind, r, y));
	fputs("\"/>\n", to);
}

static void put_legend(FILE *to, json_t *const *reports, size_t n)
{
	double x = LEFT;

	for (size_t i = 0; i < n; i++) {
		const char *label = label_of(reports[i]);

		fprintf(
		    to, "<rect x=\"%.1f\" y=\"%d\" width=\"12\" height=\"4\" fill=\"%s\"/>\n", x, TOP - 12, colours[i]);
		put_label(to, x + 16, TOP - 6, "start", label);
		x += 32 + 7.0 * (double)strlen(label);
	}
}

void plot_write(FILE *to, enum plot_kind kind, json_t *const *reports, size_t n)
{
	struct range r;

	if (n > PLOT_LINES_MAX)
		n = PLOT_LINES_MAX;
	if (!find_range(kind, reports, n, &r))
		return;
	fprintf(to,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"sans-serif\" "
	    "font-size=\"11\" "
	    "fill=\"#444\">\n<style>.grid{stroke:#ddd;fill:none}.line{fill:none;stroke-width:1.6}</style>\n"
	    "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
	    WIDTH, HEIGHT, WIDTH, HEIGHT);
	fprintf(to, "<text x=\"%d\" y=\"14\" font-size=\"13\" font-weight=\"bold\">", LEFT);
	plot_escape(to, kinds[kind].title);
	fprintf(to, "<tspan font-weight=\"normal\">&#160;(%s)</tspan></text>\n", kinds[kind].y);
	put_y_axis(to, kind, &r);
	put_x_axis(to, kind, &r);
	for (size_t i = 0; i < n; i++)
		put_series(to, kind, &r, reports[i], i);
	put_legend(to, reports, n);
	fputs("</svg>\n", to);
}

int plot_main(int argc, char **argv)
{
	json_t *reports[PLOT_LINES_MAX];
	size_t n = 0;
	int kind = 0, rc = 0;
	char err[512];

	while (argc > 1 && kind < PLOT_KINDS && strcmp(argv[1], kinds[kind].name) != 0)
		kind++;
	if (argc < 3 || kind == PLOT_KINDS || argc - 2 > PLOT_LINES_MAX) {
		bool help = argc == 2 && strcmp(argv[1], "--help") == 0;

		fputs("usage: sallyport-bench plot latency|throughput|cpu|memory REPORT.json... > FILE.svg\n",
		    help ? stdout : stderr);
		return help ? 0 : 2;
	}
	for (int i = 2; i < argc && rc == 0; i++) {
		reports[n] = report_load(argv[i], err, sizeof(err));
		if (reports[n] != NULL)
			n++;
		else
			rc = 2;
	}
	if (rc == 0)
		plot_write(stdout, (enum plot_kind)kind, reports, n);
	else
		fprintf(stderr, "sallyport-bench: %s\n", err);
	while (n-- > 0)
		json_decref(reports[n]);
	return rc;
}
