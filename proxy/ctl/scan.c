/* sallyportctl scan: runs the scanner over a captured stream (header ... footer) or a lone document. */
#include "ctl.h"

#include "sallyport/xml.h"

#include <stdio.h>
#include <stdlib.h>

/* Far above what the gateway allows: what is judged here is the XML. */
static const struct xml_limits limits = {
    .element_bytes = UINT32_C(1) << 26, .depth = 4096, .attributes = 256, .name_bytes = 65535};

struct scan {
	const char *path;
	size_t chunk; /* bytes a time; 0: all at once */
	bool document;

	char *bytes;
	size_t n;
	bool whole; /* the stream's end, or the document's root, has been seen */
};

static bool parse_arguments(struct scan *s, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		char *end;

		if (strcmp(argv[i], "--document") == 0) {
			s->document = true;
		} else if (strcmp(argv[i], "--chunk") == 0 && i + 1 < argc) {
			s->chunk = strtoul(argv[++i], &end, 10);
			if (end == argv[i] || *end != '\0')
				return false;
		} else if (s->path == NULL && (argv[i][0] != '-' || argv[i][1] == '\0')) {
			s->path = argv[i];
		} else {
			return false;
		}
	}
	return s->path != NULL;
}

static bool read_all(struct scan *s, FILE *file)
{
	size_t cap = 0, got;

	do {
		if (s->n == cap) {
			char *more = realloc(s->bytes, cap = cap * 2 + 65536);

			if (more == NULL)
				return false;
			s->bytes = more;
		}
		got = fread(s->bytes + s->n, 1, cap - s->n, file);
		s->n += got;
	} while (got > 0);
	return !ferror(file);
}

static bool load(struct scan *s)
{
	bool standard = strcmp(s->path, "-") == 0;
	FILE *file = standard ? stdin : fopen(s->path, "rb");
	bool good = file != NULL && read_all(s, file);

	if (!good)
		perror(s->path);
	if (file != NULL && !standard)
		fclose(file);
	return good;
}

/* Text out of the file.  It is UTF-8 without ASCII controls but for white space; C1 controls could move a terminal. */
static void print_text(const char *label, struct span text)
{
	if (text.p == NULL)
		return;
	printf(" %s", label);
	for (size_t i = 0; i < text.n; i++) {
		unsigned char b = (unsigned char)text.p[i];

		if (b == 0xc2 && (unsigned char)text.p[i + 1] < 0xa0) {
			putchar('?');
			i++;
		} else {
			putchar(b < 0x20 || b == 0x7f ? '?' : b);
		}
	}
}

static void print_event(enum xml_rc rc, const struct xml_ev *ev)
{
	printf(rc == XML_HEADER ? "header" : rc == XML_END ? "end" : "element");
	print_text("", ev->name);
	print_text("from=", ev->from.value);
	print_text("to=", ev->to.value);
	printf(" bytes=%zu\n", ev->bytes.n);
}

/* Takes what can be taken out of the pending bytes; false: they are broken. */
static bool take(struct scan *s, struct xml *x, struct span *pending)
{
	struct xml_ev ev;
	enum xml_rc rc;

	while ((rc = xml_next(x, &ev, *pending)) != XML_MORE) {
		if (rc == XML_BAD) {
			printf("error offset=%llu %s: %s\n", (unsigned long long)xml_error_offset(x),
			    xml_error_condition(xml_error(x)), xml_error_text(xml_error(x)));
			return false;
		}
		if (rc != XML_SPACE)
			print_event(rc, &ev);
		if (rc == XML_END || (rc == XML_ELEMENT && s->document))
			s->whole = true;
		pending->p += ev.bytes.n;
		pending->n -= ev.bytes.n;
	}
	return true;
}

static int run(struct scan *s, struct xml *x)
{
	struct span pending = {s->bytes, 0};

	if (s->document)
		xml_expect_document(x);
	for (size_t left = s->n; left > 0;) {
		size_t piece = s->chunk != 0 && s->chunk < left ? s->chunk : left;

		left -= piece;
		pending.n += piece;
		if (!take(s, x, &pending))
			return CTL_BROKEN;
	}
	if (!s->whole)
		printf("error offset=%zu: the input ends before its XML does\n", s->n);
	return s->whole ? CTL_OK : CTL_BROKEN;
}

int ctl_scan(int argc, char **argv)
{
	struct scan s = {0};
	struct xml *x;
	int rc = CTL_UNUSABLE;

	if (!parse_arguments(&s, argc, argv)) {
		fprintf(stderr, "usage: sallyportctl scan [--chunk N] [--document] FILE|-\n");
		return CTL_UNUSABLE;
	}
	x = xml_new(&limits);
	if (x != NULL && load(&s))
		rc = run(&s, x);
	xml_free(x);
	free(s.bytes);
	return rc;
}
