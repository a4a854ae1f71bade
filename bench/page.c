#include "page.h"

#include <stdio.h>
#include <stdlib.h>

#include "plot.h"
#include "report.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
    "content=\"width=device-width\">\n<title>sallyport-bench</title>\n<style>\n"
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\n"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\n"
    "pre{background:#f6f6f6;padding:1rem;overflow:auto;font-size:13px}\n"
    "svg{width:100%;height:auto;margin:.5rem 0;border:1px solid #eee}\n"
    "table{border-collapse:collapse;font-size:13px}td{padding:.15rem 1rem .15rem 0;vertical-align:top}\n"
    ".bad{background:#fbe3e0;padding:.5rem 1rem}.good{background:#e3f3e6;padding:.5rem 1rem}\n"
    "</style>\n";

static void put_table(FILE *to, const json_t *report)
{
	char *text = NULL;
	size_t n = 0;
	FILE *memory = open_memstream(&text, &n);

	if (memory == NULL)
		return;
	report_table(report, memory);
	fclose(memory);
	fputs("<pre>", to);
	plot_escape(to, text);
	fputs("</pre>\n", to);
	free(text);
}

static void put_object(FILE *to, const char *title, json_t *object)
{
	const char *name;
	json_t *value;

	fprintf(to, "<h2>%s</h2>\n<table>\n", title);
	json_object_foreach(object, name, value)
	{
		char *text = json_dumps(value, JSON_ENCODE_ANY);

		fputs("<tr><td>", to);
		plot_escape(to, name);
		fputs("<td>", to);
		plot_escape(to, json_is_string(value) ? json_string_value(value) : text != NULL ? text : "");
		fputs("\n", to);
		free(text);
	}
	fputs("</table>\n", to);
}

/* "</" would end the script element; in JSON it may be written otherwise. */
static void put_json(FILE *to, const json_t *report)
{
	char *text = json_dumps(report, JSON_ESCAPE_SLASH | JSON_REAL_PRECISION(9));

	fprintf(to, "<script type=\"application/json\" id=\"report\">%s</script>\n", text != NULL ? text : "{}");
	free(text);
}

static bool write_page(FILE *to, json_t *report)
{
	bool good = json_is_true(json_object_get(report, "verified"));

	fputs(head, to);
	fputs("<h1>sallyport-bench: ", to);
	plot_escape(to, report_text(report, "scenario"));
	fputs(" ", to);
	plot_escape(to, report_text(report, "label"));
	fprintf(to, "</h1>\n<p class=\"%s\">%s</p>\n", good ? "good" : "bad",
	    good ? "Verified: every stanza arrived, in order, each byte as it was sent."
	         : "Not verified: these figures count for nothing; see the problems below.");
	put_table(to, report);
	for (int kind = 0; kind < PLOT_KINDS; kind++)
		plot_write(to, (enum plot_kind)kind, &report, 1);
	put_object(to, "What was done", json_object_get(report, "plan"));
	put_object(to, "Where", json_object_get(report, "environment"));
	put_json(to, report);
	return ferror(to) == 0;
}

bool page_save(json_t *report, const char *path, char *err, size_t err_n)
{
	FILE *to = fopen(path, "w");
	bool ok = to != NULL && write_page(to, report);

	if (to != NULL)
		ok = fclose(to) == 0 && ok;
	if (!ok)
		snprintf(err, err_n, "%s: %m", path);
	return ok;
}
