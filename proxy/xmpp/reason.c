#include "sallyport/reason.h"

#include <strings.h>

static const struct reason_row rows[REASON_COUNT] = {
#define X(id, code, who, direct, relayed, bounce, text, peer_text, fix)                                                \
	[REASON_##id] = {code, who, direct, relayed, bounce, text, peer_text, fix},
    REASONS(X)
#undef X
};

const struct reason_row *reason_row(enum reason r)
{
	ENSURE(r < REASON_COUNT);
	return &rows[r];
}

enum reason reason_find(const char *code)
{
	for (enum reason r = REASON_NONE; r < REASON_COUNT; r++)
		if (strcasecmp(rows[r].code, code) == 0)
			return r;
	return REASON_COUNT;
}

const char *reason_who_text(enum reason_who who)
{
	switch (who) {
	case WHO_NOBODY:
		return "nobody must act";
	case WHO_THEM:
		return "the remote operator must act";
	case WHO_US:
		return "the operator of this gateway must act";
	case WHO_BACKEND:
		return "the operator must act, in the backend or its [backend] section";
	case WHO_NETWORK:
		return "the network or DNS in between";
	}
	return "";
}
