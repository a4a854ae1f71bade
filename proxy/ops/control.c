#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "control_internal.h"
#include "sallyport/log.h"

/* Before accepting is tried again that failed for want of descriptors. */
#define PAUSE_MS 1000u

static void refuse(int fd)
{
	static const char words[] =
	    "{\"type\":\"end\",\"ok\":false,\"error\":\"too many connections to the control socket\","
	    "\"fix\":\"end other sallyportctl processes, such as watch\"}\n";
	struct span part = SPAN(words);
	size_t sent;
	int err;

	if (sock_send(fd, &part, 1, &sent, &err) != SOCK_OK)
		log_text(LOG_WARNING, "control", "too many connections, and one that could not be told so");
	sock_close(fd);
}

static void on_listener(void *arg, unsigned ready)
{
	struct control *c = arg;
	struct sock_user user;
	enum sock_rc rc;
	int fd, err;

	(void)ready;
	while ((rc = sock_local_accept(c->listener, &fd, &user, &err)) == SOCK_OK) {
		if (c->clients_n >= CONTROL_CLIENTS)
			refuse(fd);
		else
			client_new(c, fd, &user);
	}
	if (rc == SOCK_ERROR) {
		loop_io_want(c->io, false, false);
		loop_timer_set(c->pause, PAUSE_MS);
	}
}

static void on_pause(void *arg)
{
	struct control *c = arg;

	if (c->io != NULL)
		loop_io_want(c->io, true, false);
}

struct control *control_new(const struct control_host *host)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = (struct control){.host = *host, .listener = -1, .started = (int64_t)time(NULL)};
	c->heard.end = &c->heard.first;
	pthread_mutex_init(&c->heard.lock, NULL);
	c->pause = loop_timer_new(host->loop, on_pause, c);
	c->rules_timer = loop_timer_new(host->loop, control_rules_due, c);
	if (c->pause != NULL && c->rules_timer != NULL)
		return c;
	control_free(c);
	return NULL;
}

static void stop_listening(struct control *c)
{
	if (c->listener < 0)
		return;
	loop_timer_stop(c->pause);
	loop_io_free(c->io);
	c->io = NULL;
	sock_close(c->listener);
	c->listener = -1;
	(void)unlink(c->path);
	free(c->path);
	c->path = NULL;
}

static bool start_listening(struct control *c, const struct conf *conf, char *err, size_t err_n)
{
	c->listener = sock_local_listen(conf->control_socket, conf->control_mode, err, err_n);
	if (c->listener < 0)
		return false;
	c->mode = conf->control_mode;
	c->path = strdup(conf->control_socket);
	c->io = c->path != NULL ? loop_io_new(c->host.loop, c->listener, on_listener, c) : NULL;
	if (c->io != NULL) {
		loop_io_want(c->io, true, false);
		return true;
	}
	(void)snprintf(err, err_n, "no memory");
	sock_close(c->listener);
	c->listener = -1;
	(void)unlink(conf->control_socket);
	free(c->path);
	c->path = NULL;
	return false;
}

bool control_listen(struct control *c, const struct conf *conf, char *err, size_t err_n)
{
	if (c->listener >= 0 && strcmp(c->path, conf->control_socket) == 0 && c->mode == conf->control_mode)
		return true;
	stop_listening(c);
	return start_listening(c, conf, err, err_n);
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	stop_listening(c);
	while (c->clients != NULL)
		client_free(c->clients);
	control_forget_heard(c);
	loop_timer_free(c->pause);
	loop_timer_free(c->rules_timer);
	pthread_mutex_destroy(&c->heard.lock);
	free(c);
}
