/* What jabberd2's s2s.xml and sm.xml say. */
#include "init.h"

#include <errno.h>
#include <expat.h>
#include <stdlib.h>

#define PATH_BYTES 256

struct xml_file {
	struct server *server;
	struct talk *talk;
	const char *name;
	char at[PATH_BYTES]; /* "/s2s/local/port" */
	size_t deeper;       /* elements that at has no room for */
	char *text;
	size_t n;
};

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct xml_file *f = arg;
	size_t n = strlen(f->at);

	(void)attributes;
	f->n = 0;
	if (f->deeper > 0 || n + strlen(name) + 2 > sizeof(f->at))
		f->deeper++;
	else
		(void)snprintf(f->at + n, sizeof(f->at) - n, "/%s", name);
}

static void on_text(void *arg, const XML_Char *text, int n)
{
	struct xml_file *f = arg;

	f->text = text_grow(f->text, f->n + (size_t)n + 1);
	memcpy(f->text + f->n, text, (size_t)n);
	f->n += (size_t)n;
	f->text[f->n] = '\0';
}

static struct span trimmed(const struct xml_file *f)
{
	struct span s = {f->text, f->n};

	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	return s;
}

static void take(struct xml_file *f)
{
	struct span text = trimmed(f);

	if (text.n == 0)
		return;
	if (strcmp(f->at, "/s2s/local/port") == 0)
		server_port(f->server, strtol(text.p, NULL, 10));
	else if (strcmp(f->at, "/s2s/local/pemfile") == 0)
		names_add(&f->server->certificates, text);
	else if (strcmp(f->at, "/s2s/local/verify-mode") == 0 && strtol(text.p, NULL, 10) != 0)
		say(f->talk, SAY_MISSING, "take <verify-mode/> out of s2s.xml",
		    "%s: <verify-mode/> makes jabberd2 refuse the gateway, which has no certificate of the remote "
		    "domains",
		    f->name);
	else if (strcmp(f->at, "/sm/local/id") == 0)
		names_add(&f->server->domains, text);
}

static void on_end(void *arg, const XML_Char *name)
{
	struct xml_file *f = arg;
	char *slash = strrchr(f->at, '/');

	(void)name;
	if (f->deeper > 0) {
		f->deeper--;
		return;
	}
	take(f);
	f->n = 0;
	if (slash != NULL)
		*slash = '\0';
}

static bool read_xml(struct server *s, const char *root, const char *path, struct talk *talk)
{
	struct xml_file f = {.server = s, .talk = talk, .name = path};
	char *full = text_of("%s%s", root, path), *text;
	XML_Parser parser = XML_ParserCreate(NULL);
	size_t n;
	bool ok;

	text = text_read(full, &n);
	if (text == NULL)
		say(talk, SAY_MISSING, NULL, "%s: %s", path, strerror(errno));
	ok = text != NULL && parser != NULL && n <= INT32_MAX;
	if (ok) {
		XML_SetUserData(parser, &f);
		XML_SetElementHandler(parser, on_start, on_end);
		XML_SetCharacterDataHandler(parser, on_text);
		ok = XML_Parse(parser, text, (int)n, 1) == XML_STATUS_OK;
		if (!ok)
			say(talk, SAY_MISSING, "mend it; jabberd2 itself would not start with it", "%s:%lu: %s", path,
			    (unsigned long)XML_GetCurrentLineNumber(parser), XML_ErrorString(XML_GetErrorCode(parser)));
	}
	if (parser != NULL)
		XML_ParserFree(parser);
	free(f.text);
	free(text);
	free(full);
	return ok;
}

bool server_read_jabberd2(struct server *s, const char *root, struct talk *talk)
{
	const char *slash = strrchr(s->config, '/');
	char *sm =
	    text_of("%.*s/sm.xml", slash != NULL ? (int)(slash - s->config) : 1, slash != NULL ? s->config : ".");
	bool ok = read_xml(s, root, s->config, talk) && read_xml(s, root, sm, talk);

	if (ok && s->ports_n == 0)
		server_port(s, 5269);
	if (ok)
		say(talk, SAY_UNSURE, "name theirs with --domain",
		    "%s: components that connect to the router (rooms, gateways) stand in no file of jabberd2's", sm);
	free(sm);
	return ok;
}
