#include "sallyport/keymsg.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(KEYMSG_FDS * sizeof(int))];
};

bool keymsg_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

static enum keymsg_rc failed(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK ? KEYMSG_AGAIN : KEYMSG_ENDED;
}

enum keymsg_rc keymsg_send(int fd, const struct keymsg *head, struct span body, const int *fds, size_t fds_n, bool wait)
{
	struct iovec part[2] = {{(void *)(uintptr_t)head, sizeof(*head)}, {(void *)(uintptr_t)body.p, body.n}};
	struct msghdr msg = {.msg_iov = part, .msg_iovlen = 2};
	union control control = {.bytes = {0}};
	ssize_t sent;

	ENSURE(fds_n <= KEYMSG_FDS);
	if (fds_n > 0) {
		struct cmsghdr *rights = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(fds_n * sizeof(int));
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fds_n * sizeof(int));
	}
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (sent < 0 && errno == EINTR);
	return sent >= 0 ? KEYMSG_DONE : failed();
}

static void take_fds(struct msghdr *msg, struct keymsg_in *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		in->fds_n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(in->fds, CMSG_DATA(c), in->fds_n * sizeof(int));
	}
}

enum keymsg_rc keymsg_recv(int fd, struct keymsg_in *in, char *room, size_t room_n, bool wait)
{
	struct iovec part[2] = {{&in->head, sizeof(in->head)}, {room, room_n}};
	union control control;
	struct msghdr msg = {
	    .msg_iov = part, .msg_iovlen = 2, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	ssize_t got;

	in->fds_n = 0;
	do
		got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return failed();
	take_fds(&msg, in);
	if ((size_t)got < sizeof(in->head) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		keymsg_close_fds(in);
		return KEYMSG_ENDED;
	}
	in->body = (struct span){room, (size_t)got - sizeof(in->head)};
	return KEYMSG_DONE;
}

void keymsg_close_fds(struct keymsg_in *in)
{
	while (in->fds_n > 0)
		(void)close(in->fds[--in->fds_n]);
}
