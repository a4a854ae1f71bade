#include "link.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "sallyport/sock.h"

#define LINK_MAGIC 0x6c696e6bu
#define OUT_MAX (64u << 20)
#define KEEP_MAX (64u << 20)

enum link_state { LINK_CONNECTING, LINK_CLEAR, LINK_SHAKING, LINK_SECURE, LINK_DEAD };

struct link {
	uint32_t magic;
	enum link_state state;
	struct lane *lane;
	struct loop_io *io;
	int fd;
	bool shut, ended, told, reported, asked;
	SSL *ssl;
	struct span feed; /* records that were read and not yet taken by the SSL */
	struct buf out;   /* for the socket */
	struct buf keep;  /* plaintext that the owner did not take */
	struct buf words;
	const struct link_hooks *hooks;
	void *arg;
	struct loop_later later, gone;
	char why[128];
};

static void on_ready(void *arg, unsigned ready);

/* --- BoringSSL's side --- */

static int bio_read(BIO *bio, char *to, int n)
{
	struct link *l = BIO_get_data(bio);
	size_t got = l->feed.n < (size_t)n ? l->feed.n : (size_t)n;

	BIO_clear_retry_flags(bio);
	if (got == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(to, l->feed.p, got);
	l->feed.p += got;
	l->feed.n -= got;
	return (int)got;
}

static int bio_write(BIO *bio, const char *from, int n)
{
	struct link *l = BIO_get_data(bio);

	return buf_put(&l->out, (struct span){from, (size_t)n}) ? n : -1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *link_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(0, "link");

	if (method != NULL && BIO_meth_set_read(method, bio_read) && BIO_meth_set_write(method, bio_write) &&
	    BIO_meth_set_ctrl(method, bio_ctrl))
		return method;
	BIO_meth_free(method);
	return NULL;
}

/* --- life --- */

static struct link *make(struct lane *lane, int fd, enum link_state state, const struct link_hooks *hooks, void *arg)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		sock_close(fd);
		return NULL;
	}
	*l = (struct link){.magic = LINK_MAGIC, .state = state, .lane = lane, .fd = fd, .hooks = hooks, .arg = arg};
	buf_init(&l->out, lane->pool, OUT_MAX);
	buf_init(&l->keep, lane->pool, KEEP_MAX);
	buf_init(&l->words, lane->pool, LINK_RECORD_MAX);
	l->io = loop_io_new(lane->loop, fd, on_ready, l);
	if (l->io == NULL) {
		link_free(l);
		return NULL;
	}
	loop_io_want(l->io, state != LINK_CONNECTING, state == LINK_CONNECTING);
	return l;
}

struct link *link_connect(struct lane *lane, const struct addr *to, const struct link_hooks *hooks, void *arg)
{
	int fd, err;

	if (sock_connect(to, &fd, &err) != SOCK_OK) {
		errno = err;
		return NULL;
	}
	return make(lane, fd, LINK_CONNECTING, hooks, arg);
}

struct link *link_accept(struct lane *lane, int fd, const struct link_hooks *hooks, void *arg)
{
	return make(lane, fd, LINK_CLEAR, hooks, arg);
}

static void release(void *arg)
{
	struct link *l = arg;

	MAGIC_CHECK(l, LINK_MAGIC);
	l->magic = 0;
	SSL_free(l->ssl);
	buf_free(&l->out);
	buf_free(&l->keep);
	buf_free(&l->words);
	free(l);
}

void link_free(struct link *l)
{
	if (l == NULL)
		return;
	MAGIC_CHECK(l, LINK_MAGIC);
	l->hooks = NULL;
	l->state = LINK_DEAD;
	loop_io_free(l->io);
	l->io = NULL;
	sock_close(l->fd);
	/* one of its hooks may be on the stack */
	loop_defer(l->lane->loop, &l->gone, release, l);
}

static void tell_end(void *arg)
{
	struct link *l = arg;

	MAGIC_CHECK(l, LINK_MAGIC);
	l->told = false;
	if (l->hooks == NULL || l->reported)
		return;
	l->reported = true;
	l->hooks->ended(l->arg, l->why[0] != '\0' ? l->why : NULL);
}

/* At the end of the turn, so never from inside a call of the owner's. */
static void end(struct link *l, const char *why)
{
	if (l->state == LINK_DEAD)
		return;
	l->state = LINK_DEAD;
	snprintf(l->why, sizeof(l->why), "%s", why != NULL ? why : "");
	loop_io_want(l->io, false, false);
	if (!l->told)
		loop_defer(l->lane->loop, &l->later, tell_end, l);
	l->told = true;
}

static void end_tls(struct link *l)
{
	char text[100];
	uint32_t code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	snprintf(text, sizeof(text), "%s: %s", l->state == LINK_SHAKING ? "TLS handshake" : "TLS",
	    reason != NULL ? reason : "failed");
	ERR_clear_error();
	/* our alert tells the other side */
	link_flush(l);
	end(l, text);
}

/* --- writing --- */

size_t link_queued(const struct link *l)
{
	return buf_len(&l->out);
}

static void want(struct link *l)
{
	if (l->state != LINK_DEAD && l->state != LINK_CONNECTING)
		loop_io_want(l->io, !l->ended, buf_len(&l->out) > 0 || l->asked);
}

void link_flush(struct link *l)
{
	if (l->state == LINK_DEAD || l->state == LINK_CONNECTING)
		return;
	while (buf_len(&l->out) > 0) {
		struct span part = buf_span(&l->out);
		size_t sent = 0;
		int err = 0;
		enum sock_rc rc = sock_send(l->fd, &part, 1, &sent, &err);

		if (rc == SOCK_AGAIN)
			break;
		if (rc != SOCK_OK) {
			end(l, strerror(err));
			return;
		}
		buf_consume(&l->out, sent);
		if (sent < part.n)
			break;
	}
	if (l->shut && buf_len(&l->out) == 0)
		sock_shut_write(l->fd);
	want(l);
}

void link_write(struct link *l, struct span bytes)
{
	if (l->state == LINK_DEAD)
		return;
	if (l->ssl == NULL) {
		if (!buf_put(&l->out, bytes))
			end(l, "no memory for what is to be sent");
		return;
	}
	while (bytes.n > 0) {
		int n = SSL_write(l->ssl, bytes.p, (int)bytes.n);

		if (n <= 0) {
			end_tls(l);
			return;
		}
		bytes.p += n;
		bytes.n -= (size_t)n;
	}
}

struct buf *link_words(struct link *l)
{
	return &l->words;
}

void link_say(struct link *l)
{
	link_write(l, buf_span(&l->words));
	buf_clear(&l->words);
	link_flush(l);
}

void link_ask_writable(struct link *l)
{
	l->asked = true;
	want(l);
}

void link_shut(struct link *l)
{
	if (l->state == LINK_DEAD || l->shut)
		return;
	if (l->state == LINK_SECURE)
		(void)SSL_shutdown(l->ssl);
	ERR_clear_error();
	l->shut = true;
	link_flush(l);
}

/* --- reading --- */

/* False: nothing more may be done with the link now. */
static bool deliver(struct link *l, struct span bytes)
{
	bool kept = buf_len(&l->keep) > 0;
	size_t used;

	if (bytes.n == 0)
		return true;
	if (kept) {
		if (!buf_put(&l->keep, bytes)) {
			end(l, "no memory for what was received");
			return false;
		}
		bytes = buf_span(&l->keep);
	}
	used = l->hooks->data(l->arg, bytes);
	if (l->hooks == NULL || l->state == LINK_DEAD)
		return false;
	if (l->state == LINK_SHAKING && used < bytes.n) {
		end(l, "bytes before TLS");
		return false;
	}
	if (kept) {
		buf_consume(&l->keep, used);
	} else if (!buf_put(&l->keep, (struct span){bytes.p + used, bytes.n - used})) {
		end(l, "no memory for what was received");
		return false;
	}
	return true;
}

static bool shake(struct link *l)
{
	int ret;

	ERR_clear_error();
	ret = SSL_do_handshake(l->ssl);
	if (ret != 1) {
		if (SSL_get_error(l->ssl, ret) != SSL_ERROR_WANT_READ) {
			end_tls(l);
			return false;
		}
		link_flush(l);
		return true;
	}
	l->state = LINK_SECURE;
	l->hooks->secured(l->arg);
	if (l->hooks == NULL || l->state == LINK_DEAD)
		return false;
	link_flush(l);
	return l->state != LINK_DEAD;
}

/* Decrypts all that was fed. */
static bool decrypt(struct link *l)
{
	char *plain = l->lane->plain;
	size_t n = 0;
	int ret, error;

	ERR_clear_error();
	do {
		ret = SSL_read(l->ssl, plain + n, (int)(LANE_READ - n));
		error = SSL_get_error(l->ssl, ret); /* of this call: the owner may write before it is looked at */
		if (ret > 0)
			n += (size_t)ret;
		if (n == LANE_READ || (ret <= 0 && n > 0)) {
			if (!deliver(l, (struct span){plain, n}))
				return false;
			n = 0;
		}
	} while (ret > 0);
	switch (error) {
	case SSL_ERROR_WANT_READ:
		if (buf_len(&l->out) > 0) /* the answer to a KeyUpdate */
			link_flush(l);
		return true;
	case SSL_ERROR_ZERO_RETURN:
		l->ended = true;
		return true;
	default:
		end_tls(l);
		return false;
	}
}

static bool read_clear(struct link *l)
{
	struct span bytes = l->feed;

	l->feed = SPAN_NONE;
	return deliver(l, bytes);
}

static void on_readable(struct link *l)
{
	size_t got = 0;
	int err = 0;
	bool ok = true;

	switch (sock_recv(l->fd, l->lane->rx, LANE_READ, &got, &err)) {
	case SOCK_OK:
		break;
	case SOCK_AGAIN:
		return;
	case SOCK_EOF:
		l->ended = true;
		break;
	case SOCK_ERROR:
		end(l, strerror(err));
		return;
	}
	l->feed = (struct span){l->lane->rx, got};
	if (l->state == LINK_CLEAR)
		ok = read_clear(l);
	if (ok && l->state == LINK_SHAKING)
		ok = shake(l);
	if (ok && l->state == LINK_SECURE && !l->ended)
		ok = decrypt(l);
	l->feed = SPAN_NONE;
	if (!ok)
		return;
	if (l->ended)
		end(l, l->state == LINK_SHAKING ? "closed during the TLS handshake" : NULL);
	else
		want(l);
}

static void on_connected(struct link *l)
{
	int err;

	if (sock_connected(l->fd, &err) != SOCK_OK) {
		end(l, strerror(err));
		return;
	}
	l->state = LINK_CLEAR;
	want(l);
	l->hooks->connected(l->arg);
}

static void on_ready(void *arg, unsigned ready)
{
	struct link *l = arg;

	MAGIC_CHECK(l, LINK_MAGIC);
	if (l->state == LINK_DEAD)
		return;
	if ((ready & LOOP_FAILED) != 0) {
		end(l, "no memory to watch the socket");
		return;
	}
	if (l->state == LINK_CONNECTING) {
		on_connected(l);
		return;
	}
	if ((ready & LOOP_READ) != 0) {
		on_readable(l);
		return;
	}
	l->asked = false;
	link_flush(l);
	if (l->state != LINK_DEAD && l->state != LINK_SHAKING && buf_len(&l->out) == 0 && !l->shut)
		l->hooks->writable(l->arg);
}

void link_secure(struct link *l, SSL *ssl)
{
	BIO *bio;

	if (l->state == LINK_DEAD) {
		SSL_free(ssl);
		return;
	}
	ENSURE(l->state == LINK_CLEAR && l->ssl == NULL);
	l->ssl = ssl;
	l->state = LINK_SHAKING;
	bio = ssl != NULL ? BIO_new(l->lane->bench->bio) : NULL;
	if (bio == NULL) {
		end(l, "no memory for TLS");
		return;
	}
	BIO_set_data(bio, l);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	/* a client speaks first */
	if (!SSL_is_server(ssl))
		(void)shake(l);
}

const SSL *link_ssl(const struct link *l)
{
	return l->ssl;
}
