/* log: where lines go, in which form, and what becomes of those that nothing takes. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "sallyport/log.h"

struct place {
	char dir[64], file[96], moved[96];
	char text[1 << 16];
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/sallyport-log-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/log", p->dir);
	snprintf(p->moved, sizeof(p->moved), "%s/log.1", p->dir);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;

	log_set_fd(STDERR_FILENO);
	log_set_limit(0);
	unlink(p->file);
	unlink(p->moved);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void open_log(const char *target, bool json)
{
	char err[256];

	assert_true(log_open(target, json, err, sizeof(err)));
}

static const char *content(struct place *p, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, p->text, sizeof(p->text) - 1) : 0;

	assert_true(n >= 0);
	p->text[n] = '\0';
	if (fd >= 0)
		close(fd);
	return p->text;
}

static void say(const char *text)
{
	log_text(LOG_INFO, "test", "%s", text);
}

static void goes_on_in_a_new_file_when_asked(void **state)
{
	struct place *p = *state;

	open_log(p->file, false);
	say("first");
	assert_int_equal(rename(p->file, p->moved), 0);
	say("second");
	log_reopen();
	say("third");
	assert_non_null(strstr(content(p, p->moved), "second"));
	assert_null(strstr(p->text, "third"));
	assert_non_null(strstr(content(p, p->file), "third"));
	assert_null(strstr(p->text, "second"));
}

static void a_file_that_can_not_be_opened_changes_nothing(void **state)
{
	struct place *p = *state;
	char err[256];

	open_log(p->file, false);
	assert_false(log_open("/nowhere/at/all", false, err, sizeof(err)));
	assert_string_equal(err, "/nowhere/at/all: the log can't be opened: No such file or directory");
	assert_false(log_open("journal:/nowhere/socket", false, err, sizeof(err)));
	say("still here");
	assert_non_null(strstr(content(p, p->file), "still here"));
}

/* /dev/full takes nothing, as a full disk. */
static void what_a_full_disk_does_not_take_is_counted_and_told(void **state)
{
	struct place *p = *state;
	uint64_t before = log_lost();
	int full = open("/dev/full", O_WRONLY), fds[2];
	char text[1024];
	ssize_t n;

	(void)p;
	assert_true(full >= 0 && pipe(fds) == 0);
	/* one descriptor throughout, as when a disk fills up and is emptied */
	int fd = dup(full);
	log_set_fd(fd);
	say("lost one");
	say("lost two");
	assert_int_equal(log_lost() - before, 2);
	assert_int_equal(dup2(fds[1], fd), fd);
	say("found");
	n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "level=error event=log-lost lines=2 "));
	assert_true(strstr(text, "log-lost") < strstr(text, "text=found"));
	assert_int_equal(log_lost() - before, 2);
	say("again");
	n = read(fds[0], text, sizeof(text) - 1);
	text[n] = '\0';
	assert_null(strstr(text, "log-lost"));
	log_set_fd(STDERR_FILENO);
	close(fd);
	close(full);
	close(fds[0]);
	close(fds[1]);
}

static void a_reader_that_is_stuck_stops_nobody(void **state)
{
	uint64_t before = log_lost();
	int fds[2];
	char text[4096];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_set_fd(fds[1]);
	for (int i = 0; i < 5000; i++)
		say("a line of some length, of which a pipe takes not so many");
	assert_true(log_lost() > before);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (read(fds[0], text, sizeof(text)) > 0)
		continue;
	say("back");
	ssize_t n = read(fds[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "event=log-lost"));
	assert_non_null(strstr(text, "text=back"));
	log_set_fd(STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
}

static void a_vanished_folder_is_noticed_and_its_return_too(void **state)
{
	struct place *p = *state;
	uint64_t before = log_lost();

	open_log(p->file, false);
	say("first");
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(rmdir(p->dir), 0);
	say("lost");
	say("lost");
	assert_int_equal(log_lost() - before, 2);
	assert_int_equal(mkdir(p->dir, 0700), 0);
	log_reopen(); /* at once, instead of after a second */
	assert_non_null(strstr(content(p, p->file), "event=log-lost lines=2"));
	say("found");
	assert_non_null(strstr(content(p, p->file), "text=found"));
	assert_int_equal(log_lost() - before, 2);
}

static void json_lines(void **state)
{
	struct place *p = *state;
	struct log_line l;
	const char *text;

	open_log(p->file, true);
	log_begin(&l, LOG_WARNING, "stream-end");
	log_str(&l, "text", "say \"no\"\nto \\ and \x1b[31m and é and \xff");
	log_int(&l, "bytes", -12);
	log_end(&l);
	text = strstr(content(p, p->file), "\"level\"");
	assert_non_null(text);
	assert_memory_equal(p->text, "{\"ts\":\"20", 9);
	assert_string_equal(text, "\"level\":\"warning\",\"event\":\"stream-end\",\"text\":\"say \\\"no\\\"\\u000ato \\\\ "
	                          "and \\u001b[31m and é and "
	                          "\\ufffd\",\"bytes\":-12}\n");
}

static void json_lines_that_are_cut(void **state)
{
	struct place *p = *state;
	struct log_line l;
	char hidden[LOG_VALUE_MAX];

	memset(hidden, 1, sizeof(hidden));
	open_log(p->file, true);
	log_begin(&l, LOG_INFO, "long");
	for (int i = 0; i < 60; i++)
		log_span(&l, "key", (struct span){hidden, sizeof(hidden)});
	log_end(&l);
	content(p, p->file);
	assert_non_null(strstr(p->text, "\"cut\":true}\n"));
	assert_int_equal(strlen(p->text), strcspn(p->text, "\n") + 1);
}

struct journal {
	struct sockaddr_un at;
	int fd;
	char text[1 << 16];
	size_t n;
};

static void journal_begin(struct journal *j, const struct place *p)
{
	j->at = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(j->at.sun_path, sizeof(j->at.sun_path), "%s", p->file);
	j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(j->fd >= 0);
	assert_int_equal(bind(j->fd, (struct sockaddr *)&j->at, sizeof(j->at)), 0);
}

static const char *receive(struct journal *j)
{
	ssize_t n = recv(j->fd, j->text, sizeof(j->text) - 1, 0);

	assert_true(n > 0);
	j->n = (size_t)n;
	j->text[n] = '\0';
	return j->text;
}

static void journal_datagrams(void **state)
{
	struct place *p = *state;
	static struct journal j;
	char target[128];
	struct log_line l;

	journal_begin(&j, p);
	snprintf(target, sizeof(target), "journal:%s", p->file);
	open_log(target, false);
	log_begin(&l, LOG_ERROR, "stream-end");
	log_str(&l, "reason", "SP-CERT-EXPIRED");
	log_str(&l, "peer_text", "a \"b\"");
	log_int(&l, "bytes_in", 7);
	log_end(&l);
	assert_string_equal(receive(&j),
	    "MESSAGE=event=stream-end reason=SP-CERT-EXPIRED peer_text=\"a \\\"b\\\"\" bytes_in=7\n"
	    "PRIORITY=3\nSYSLOG_IDENTIFIER=sallyport\nSALLYPORT_EVENT=stream-end\n"
	    "SALLYPORT_REASON=SP-CERT-EXPIRED\nSALLYPORT_PEER_TEXT=a \"b\"\nSALLYPORT_BYTES_IN=7\n");
	/* a value of two lines can't make a field of its own */
	log_text(LOG_INFO, "test", "one\nSALLYPORT_REASON=forged");
	receive(&j);
	const char *field = strstr(j.text, "SALLYPORT_TEXT\n");
	static const char binary[] = "SALLYPORT_TEXT\n\x1b\0\0\0\0\0\0\0one\nSALLYPORT_REASON=forged\n";
	assert_non_null(field);
	assert_memory_equal(field, binary, sizeof(binary) - 1);
	close(j.fd);
}

static void a_journal_that_restarts(void **state)
{
	struct place *p = *state;
	static struct journal j;
	uint64_t before = log_lost();
	char target[128];

	journal_begin(&j, p);
	snprintf(target, sizeof(target), "journal:%s", p->file);
	open_log(target, false);
	close(j.fd);
	say("lost");
	assert_int_equal(log_lost() - before, 1);
	unlink(p->file);
	journal_begin(&j, p);
	say("found");
	assert_non_null(strstr(receive(&j), "SALLYPORT_LINES=1\n"));
	assert_non_null(strstr(receive(&j), "SALLYPORT_TEXT=found\n"));
	close(j.fd);
}

/* A journald that is stuck costs one short wait, not one a line. */
static void a_journal_that_is_full(void **state)
{
	struct place *p = *state;
	static struct journal j;
	uint64_t before = log_lost(), lost;
	char target[128];

	journal_begin(&j, p);
	snprintf(target, sizeof(target), "journal:%s", p->file);
	open_log(target, false);
	for (int i = 0; i < 5000; i++)
		say("more than its queue holds");
	lost = log_lost() - before;
	assert_true(lost > 0);
	while (recv(j.fd, j.text, sizeof(j.text), 0) > 0)
		continue;
	say("found");
	snprintf(target, sizeof(target), "SALLYPORT_LINES=%llu\n", (unsigned long long)lost);
	assert_non_null(strstr(receive(&j), target));
	assert_non_null(strstr(receive(&j), "SALLYPORT_TEXT=found\n"));
	close(j.fd);
}

static void sourced(const char *source, int i)
{
	struct log_line l;

	log_begin(&l, LOG_INFO, "stream-end");
	log_source(&l, span_of(source));
	log_int(&l, "i", i);
	log_end(&l);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void one_source_does_not_drown_the_others(void **state)
{
	struct place *p = *state;
	uint64_t before = log_suppressed();

	open_log(p->file, false);
	log_set_limit(5);
	for (int i = 0; i < 100; i++)
		sourced("192.0.2.1", i);
	sourced("192.0.2.2", 1000);
	say("our own");
	content(p, p->file);
	assert_int_equal(count(p->text, "event=stream-end"), 6);
	assert_non_null(strstr(p->text, "i=1000"));
	assert_non_null(strstr(p->text, "our own"));
	assert_int_equal(log_suppressed() - before, 95);
	/* the minute is not over */
	log_sweep(false);
	assert_null(strstr(content(p, p->file), "lines-suppressed"));
	log_sweep(true);
	assert_non_null(
	    strstr(content(p, p->file), "level=warning event=lines-suppressed source=192.0.2.1 suppressed=95 "));
	log_sweep(true);
	assert_int_equal(count(content(p, p->file), "lines-suppressed"), 1);
}

/* Far more sources than rows: nothing is forgotten without being told. */
static void sources_that_push_others_out(void **state)
{
	struct place *p = *state;
	uint64_t before = log_suppressed(), told = 0;
	char source[32];

	open_log("/dev/null", false);
	log_set_limit(1);
	log_open(p->file, false, p->text, sizeof(p->text)) ? (void)0 : fail();
	for (int i = 0; i < 3000; i++) {
		snprintf(source, sizeof(source), "s%d", i);
		for (int k = 0; k < 2; k++)
			sourced(source, k);
	}
	log_sweep(true);
	FILE *f = fopen(p->file, "r");
	assert_non_null(f);
	while (fgets(p->text, sizeof(p->text), f) != NULL) {
		const char *n = strstr(p->text, " suppressed=");

		told += n != NULL ? strtoull(n + 12, NULL, 10) : 0;
	}
	fclose(f);
	assert_int_equal(log_suppressed() - before, 3000);
	assert_int_equal(told, 3000);
}

static void without_a_limit_all_are_written(void **state)
{
	struct place *p = *state;

	open_log(p->file, false);
	log_set_limit(0);
	for (int i = 0; i < 100; i++)
		sourced("192.0.2.1", i);
	assert_int_equal(count(content(p, p->file), "event=stream-end"), 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(goes_on_in_a_new_file_when_asked),
	    TEST(a_file_that_can_not_be_opened_changes_nothing),
	    TEST(what_a_full_disk_does_not_take_is_counted_and_told),
	    TEST(a_reader_that_is_stuck_stops_nobody),
	    TEST(a_vanished_folder_is_noticed_and_its_return_too),
	    TEST(json_lines),
	    TEST(json_lines_that_are_cut),
	    TEST(journal_datagrams),
	    TEST(a_journal_that_restarts),
	    TEST(a_journal_that_is_full),
	    TEST(one_source_does_not_drown_the_others),
	    TEST(sources_that_push_others_out),
	    TEST(without_a_limit_all_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
