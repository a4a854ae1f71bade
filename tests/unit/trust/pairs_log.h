/* Pairs with what is logged meanwhile: for tests of certificates that come, change and go. */
#ifndef TEST_PAIRS_LOG_H
#define TEST_PAIRS_LOG_H

#include "pairs.h"

#include <fcntl.h>

#include "sallyport/log.h"

#define LOG_FD 100 /* out of everybody's way */
#define FOLDER "[certificates]\ndirectory = $D/certs\n"

static int up(void **state)
{
	int rc = pairs_up(state), fd = open(pairs_path(*state, "log"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd > STDERR_FILENO);
	assert_int_equal(dup3(fd, LOG_FD, O_CLOEXEC), LOG_FD);
	close(fd);
	log_set_fd(LOG_FD);
	return rc;
}

static int down(void **state)
{
	log_set_fd(STDERR_FILENO);
	close(LOG_FD);
	return pairs_down(state);
}

/* How many lines say this. */
static size_t logged(struct pairs *p, const char *event, const char *what)
{
	FILE *f = fopen(pairs_path(p, "log"), "r");
	char line[LOG_LINE_MAX + 1];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, event) != NULL && strstr(line, what) != NULL;
	fclose(f);
	return n;
}

static unsigned shown(struct pairs *p, const char *host)
{
	return pairs_shown(p, host, false, NULL);
}

static void refresh(struct pairs *p)
{
	cert_own_refresh(p->store, time(NULL));
}

#endif
