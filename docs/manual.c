/* Writes sallyport.ini(5) in mdoc, out of the table of options.  Run by the build. */
#include <stdio.h>

#include "sallyport/conf.h"

static const char head[] = ".Dd November 22, 2026\n"
                           ".Dt SALLYPORT.INI 5\n"
                           ".Os\n"
                           ".Sh NAME\n"
                           ".Nm sallyport.ini\n"
                           ".Nd configuration of the XMPP server-to-server gateway sallyport\n"
                           ".Sh DESCRIPTION\n"
                           ".Nm\n"
                           "tells\n"
                           ".Xr sallyport 8\n"
                           "where to listen, which old servers stand behind it, and which domains they serve.\n"
                           ".Xr sallyportctl 1\n"
                           "init writes one.\n"
                           ".Pp\n"
                           "A section starts with its name in brackets; a line in it holds one\n"
                           ".Ar key No = Ar value .\n"
                           "Comments start with\n"
                           ".Sq #\n"
                           "or\n"
                           ".Sq \\&; ,\n"
                           "behind a value with\n"
                           ".Dq \"\\ ;\" .\n"
                           "An option that takes several values may have them in one line, parted by spaces, or go on "
                           "in further lines with the same\n"
                           "key.\n"
                           "Durations need a unit (ms, s, m, h, d); sizes may have one (K, M).\n"
                           "Keys and sections that are not known are errors, and so are values that are not "
                           "understood; they are told of with file\n"
                           "and line:\n"
                           ".Dl sallyport -t -c /etc/sallyport/sallyport.ini\n"
                           ".Pp\n"
                           "A changed file is taken up by\n"
                           ".Ic systemctl reload sallyport .\n"
                           "If there is anything wrong with it, nothing changes.\n";

static const char tail[] = ".Sh FILES\n"
                           ".Bl -tag -width Ds\n"
                           ".It Pa /etc/sallyport/sallyport.ini\n"
                           "where it is looked for.\n"
                           ".It Pa /etc/sallyport/sallyport.ini.example\n"
                           "every option, with its default or an example.\n"
                           ".El\n"
                           ".Sh EXAMPLES\n"
                           "The least that is needed:\n"
                           ".Bd -literal -offset indent\n"
                           "[public]\n"
                           "listen = 0.0.0.0:25269 [::]:25269\n"
                           "\n"
                           "[backend old]\n"
                           "connect = 127.0.0.1:5269\n"
                           "listen = 127.0.0.1:15269 [::1]:15269\n"
                           "\n"
                           "[host example.org]\n"
                           "certificate = /etc/letsencrypt/live/example.org/fullchain.pem\n"
                           "key = /etc/letsencrypt/live/example.org/privkey.pem\n"
                           "subdomains = conference.example.org\n"
                           ".Ed\n"
                           ".Pp\n"
                           "A partner with a private authority, for as long as they need it:\n"
                           ".Bd -literal -offset indent\n"
                           "[peer partner.example]\n"
                           "anchor = /etc/sallyport/partner-ca.pem\n"
                           "expires = 2027-06-30\n"
                           ".Ed\n"
                           ".Sh SEE ALSO\n"
                           ".Xr sallyportctl 1 ,\n"
                           ".Xr sallyport 8\n";

/* What roff would take for its own: a backslash anywhere, a dot or quote at the start of a line. */
static void put_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else
			fputc(*text, out);
	}
}

/* A sentence a line, as mdoc wants it. */
static void put_sentences(FILE *out, const char *text)
{
	for (const char *end; (end = strstr(text, ".  ")) != NULL || (end = strstr(text, ". ")) != NULL; text = end) {
		char line[1024];

		(void)snprintf(line, sizeof(line), "%.*s", (int)(end + 1 - text), text);
		put_text(out, line);
		fputc('\n', out);
		end += 1 + strspn(end + 1, " ");
	}
	put_text(out, text);
	fputc('\n', out);
}

static void put_literal(FILE *out, const char *what, const char *value)
{
	fprintf(out, "%s:\n.Li \"", what);
	for (; *value != '\0'; value++) {
		if (*value == '"')
			fputs("\\(dq", out);
		else if (*value == '-')
			fputs("\\-", out);
		else
			fputc(*value, out);
	}
	fputs("\"\n", out);
}

static void put_option(FILE *out, const struct conf_option_doc *doc)
{
	fprintf(out, ".It Ic %s No = Ar %s\n", doc->key, doc->type);
	put_sentences(out, doc->doc);
	if (doc->repeatable)
		fputs("There may be several.\n", out);
	if (doc->required)
		fputs("Required.\n", out);
	if (doc->fallback != NULL)
		put_literal(out, "Default", doc->fallback);
	if (doc->fallback == NULL || strcmp(doc->example, doc->fallback) != 0)
		put_literal(out, "Example", doc->example);
}

static void put_options(FILE *out)
{
	const char *section = "";
	struct conf_option_doc doc;

	for (size_t i = 0; i < conf_option_count(); i++) {
		conf_option_get(i, &doc);
		if (strcmp(doc.section, section) != 0) {
			if (section[0] != '\0')
				fputs(".El\n", out);
			section = doc.section;
			fprintf(out, ".Sh [%s]\n", section);
			put_sentences(out, doc.about);
			fputs(".Bl -tag -width Ds\n", out);
		}
		put_option(out, &doc);
	}
	fputs(".El\n", out);
}

int main(void)
{
	fputs(head, stdout);
	put_options(stdout);
	fputs(tail, stdout);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
