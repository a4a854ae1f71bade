/* Which old server there is, and where its configuration lies. */
#include "init.h"

#include <stdlib.h>
#include <unistd.h>

static const struct {
	const char *name, *user, *configs[3];
	bool (*read)(struct server *s, const char *root, struct talk *talk);
} kinds[] = {
    [SERVER_EJABBERD] = {"ejabberd", "ejabberd",
        {"/etc/ejabberd/ejabberd.yml", "/opt/ejabberd/conf/ejabberd.yml", "/etc/ejabberd/ejabberd.cfg"},
        server_read_ejabberd},
    [SERVER_PROSODY] = {"prosody", "prosody", {"/etc/prosody/prosody.cfg.lua", NULL, NULL}, server_read_prosody},
    [SERVER_JABBERD2] = {"jabberd2", "jabber", {"/etc/jabberd2/s2s.xml", "/etc/jabberd/s2s.xml", NULL},
        server_read_jabberd2},
};

const char *server_name(enum server_kind kind)
{
	return kind == SERVER_NONE ? "none" : kinds[kind].name;
}

enum server_kind server_kind_of(const char *name)
{
	for (size_t i = SERVER_EJABBERD; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return (enum server_kind)i;
	}
	return SERVER_NONE;
}

void server_port(struct server *s, long port)
{
	if (port < 1 || port > 65535 || s->ports_n == ARRAY_LEN(s->ports))
		return;
	for (size_t i = 0; i < s->ports_n; i++) {
		if (s->ports[i] == port)
			return;
	}
	s->ports[s->ports_n++] = (uint16_t)port;
}

void server_free(struct server *s)
{
	free(s->config);
	free(s->user);
	free(s->connect);
	names_free(&s->listening);
	names_free(&s->domains);
	names_free(&s->components);
	names_free(&s->certificates);
	names_free(&s->folders);
	names_free(&s->direct);
}

static bool is_there(const char *root, const char *path)
{
	char *full = text_of("%s%s", root, path);
	bool there = access(full, F_OK) == 0;

	free(full);
	return there;
}

static const char *config_of(enum server_kind kind, const char *root)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds[kind].configs); i++) {
		if (kinds[kind].configs[i] != NULL && is_there(root, kinds[kind].configs[i]))
			return kinds[kind].configs[i];
	}
	return NULL;
}

/* No process tells: which one is installed? */
static void find_installed(struct server *s, const char *root, struct talk *talk)
{
	enum server_kind found = SERVER_NONE;

	for (size_t i = SERVER_EJABBERD; i < ARRAY_LEN(kinds); i++) {
		if (config_of((enum server_kind)i, root) == NULL)
			continue;
		if (found != SERVER_NONE) {
			say(talk, SAY_MISSING, "start the server, or name it with --backend",
			    "several servers are installed (%s, %s) "
			    "and none of them runs here",
			    kinds[found].name, kinds[i].name);
			return;
		}
		found = (enum server_kind)i;
	}
	s->kind = found;
	if (found == SERVER_NONE)
		say(talk, SAY_MISSING,
		    "start it; or name it and its file: --backend ejabberd|prosody|jabberd2 --config FILE",
		    "no ejabberd, Prosody or jabberd2 runs here, nor is there a configuration of one");
}

static void say_process(const struct server *s, const char *root, struct talk *talk)
{
	char *listening = names_join(&s->listening, ", ");

	if (s->pid != 0)
		say(talk, SAY_FOUND, NULL, "%s: process %d of user %s, listening on %s", server_name(s->kind),
		    (int)s->pid, s->user, listening);
	else if (root[0] == '\0')
		say(talk, SAY_UNSURE, NULL, "%s does not run: what follows is what its configuration says",
		    server_name(s->kind));
	free(listening);
}

bool server_find(struct server *s, const char *root, struct talk *talk)
{
	size_t missing = talk->missing;
	const char *config;

	if (root[0] == '\0')
		server_find_process(s, talk);
	if (s->kind == SERVER_NONE && talk->missing == missing)
		find_installed(s, root, talk);
	if (s->kind == SERVER_NONE)
		return false;
	say_process(s, root, talk);
	config = s->config != NULL ? s->config : config_of(s->kind, root);
	if (config == NULL) {
		say(talk, SAY_MISSING, "name it with --config FILE",
		    "the configuration of %s is not where it usually is", server_name(s->kind));
		return false;
	}
	if (s->config == NULL)
		s->config = text_of("%s", config);
	say(talk, SAY_FOUND, NULL, "its configuration %s", s->config);
	if (!kinds[s->kind].read(s, root, talk))
		return false;
	if (s->user == NULL)
		s->user = text_of("%s", kinds[s->kind].user);
	server_find_direct(s, root, talk);
	return true;
}
