#include "sallyport/jid.h"

#include <arpa/inet.h>
#include <idn2.h>

/* RFC 7622 section 3.2: at most 1023 octets before conversion. */
#define DOMAINPART_MAX 1023
/* 63 characters at four octets each; a longer label can't become an A-label. */
#define U_LABEL_MAX 252

static bool is_ldh(char c)
{
	/* '_' is no LDH, but host names with it live in the wild, and DNS carries them. */
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Lower-cases an ASCII label into out (which has room for it).  False: a character that no host name has. */
static bool label_copy(char *out, struct span label)
{
	for (size_t i = 0; i < label.n; i++) {
		out[i] = ascii_lower(label.p[i]);
		if (!is_ldh(out[i]))
			return false;
	}
	return true;
}

/* Whether libidn2 has to see the label: a U-label, or what claims to be an A-label. */
static bool label_is_idn(struct span label)
{
	for (size_t i = 0; i < label.n; i++) {
		if ((uint8_t)label.p[i] >= 0x80)
			return true;
	}
	return label.n >= 4 && strncasecmp(label.p, "xn--", 4) == 0;
}

/* One pass through libidn2.  Its STD3 option is left off: 2.3.3 silently drops what that forbids ("ä_b" becomes "äb");
 * label_copy() refuses it instead. */
static bool label_lookup(const uint8_t *in, int flags, char out[static IDN2_LABEL_MAX_LENGTH], size_t *n)
{
	uint8_t *ascii = NULL;
	struct span result;
	bool ok;

	if (idn2_lookup_u8(in, &ascii, flags) != IDN2_OK)
		return false;
	result = span_of((const char *)ascii);
	ok = result.n > 0 && result.n <= IDN2_LABEL_MAX_LENGTH && label_copy(out, result);
	*n = result.n;
	idn2_free(ascii);
	return ok;
}

/* UTS 46 mapping (case, width, NFC: RFC 7622 section 3.2.3), then the checks of RFC 5891.  One label at a time, so that
 * no character maps to a dot and moves the borders between labels.  A label that IDNA2003 reads as another name ("ß" is
 * "ss" to it) is refused: the servers behind us still live by IDNA2003, and must not see another peer than we verified.
 * As A-labels such names mean the same to everybody, and pass. */
static bool label_to_ascii(struct span label, char out[static IDN2_LABEL_MAX_LENGTH], size_t *n)
{
	static const char capital_sharp_s[] = "\xe1\xba\x9e"; /* "ss" or "ß", depending on the Unicode version */
	uint8_t in[U_LABEL_MAX + 1];
	char old[IDN2_LABEL_MAX_LENGTH];
	size_t old_n;

	if (label.n > U_LABEL_MAX || memchr(label.p, '\0', label.n) != NULL || memchr(label.p, '_', label.n) != NULL ||
	    memmem(label.p, label.n, capital_sharp_s, sizeof(capital_sharp_s) - 1) != NULL)
		return false;
	for (size_t i = 0; i < label.n; i++)
		in[i] = (uint8_t)ascii_lower(label.p[i]);
	in[label.n] = '\0';
	return label_lookup(in, IDN2_NONTRANSITIONAL, out, n) && label_lookup(in, IDN2_TRANSITIONAL, old, &old_n) &&
	       span_eq((struct span){out, *n}, (struct span){old, old_n});
}

/* Appends one label to out, which holds the ones before it. */
static bool domain_add_label(struct domain *out, struct span label)
{
	char ascii[IDN2_LABEL_MAX_LENGTH];
	size_t n = label.n;

	if (label.n == 0)
		return false;
	if (label_is_idn(label)) {
		if (!label_to_ascii(label, ascii, &n))
			return false;
	} else if (label.n > sizeof(ascii) || !label_copy(ascii, label)) {
		return false;
	}
	if (n + (out->n > 0 ? 1 : 0) > DOMAIN_MAX - (size_t)out->n)
		return false;
	if (out->n > 0)
		out->s[out->n++] = '.';
	memcpy(out->s + out->n, ascii, n);
	out->n = (uint8_t)(out->n + n);
	return true;
}

/* No top-level domain is all digits (RFC 3696 section 2): such a name is an IPv4 literal or a mistake. */
static bool domain_ends_in_number(const struct domain *d)
{
	const char *p = d->s + d->n;

	while (p > d->s && p[-1] >= '0' && p[-1] <= '9')
		p--;
	return p < d->s + d->n && (p == d->s || p[-1] == '.');
}

static bool domain_parse_v6(struct domain *out, struct span text)
{
	char host[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (text.n < 2 || text.n - 2 >= sizeof(host) || text.p[text.n - 1] != ']')
		return false;
	memcpy(host, text.p + 1, text.n - 2);
	host[text.n - 2] = '\0';
	if (strlen(host) != text.n - 2 || inet_pton(AF_INET6, host, &in6) != 1)
		return false;
	out->s[0] = '[';
	ENSURE(inet_ntop(AF_INET6, &in6, out->s + 1, INET6_ADDRSTRLEN) != NULL);
	out->n = (uint8_t)strlen(out->s);
	out->s[out->n++] = ']';
	out->s[out->n] = '\0';
	return true;
}

static bool domain_parse_name(struct domain *out, struct span text)
{
	struct in_addr in4;

	if (text.p[text.n - 1] == '.')
		text.n--;
	for (;;) {
		const char *dot = text.n > 0 ? memchr(text.p, '.', text.n) : NULL;
		size_t n = dot != NULL ? (size_t)(dot - text.p) : text.n;

		if (!domain_add_label(out, (struct span){text.p, n}))
			return false;
		if (dot == NULL)
			break;
		text.p += n + 1;
		text.n -= n + 1;
	}
	out->s[out->n] = '\0';
	return !domain_ends_in_number(out) || inet_pton(AF_INET, out->s, &in4) == 1;
}

bool domain_parse(struct domain *out, struct span text)
{
	struct domain d; /* not zeroed: this runs for every stanza of a shared stream */
	bool ok;

	d.n = 0;
	ok = text.n > 0 && text.n <= DOMAINPART_MAX &&
	     (text.p[0] == '[' ? domain_parse_v6(&d, text) : domain_parse_name(&d, text));
	if (!ok) {
		d.n = 0;
		d.s[0] = '\0';
	}
	out->n = d.n;
	memcpy(out->s, d.s, (size_t)d.n + 1);
	return ok;
}

/* The U-label of an A-label, into out (U_LABEL_MAX bytes).  False: there is none that domain_parse() would read back.
 */
static bool label_to_unicode(struct span label, char out[static U_LABEL_MAX], size_t *n)
{
	char in[IDN2_LABEL_MAX_LENGTH + 1];
	char back[IDN2_LABEL_MAX_LENGTH];
	char *text = NULL;
	size_t back_n;
	bool ok;

	memcpy(in, label.p, label.n);
	in[label.n] = '\0';
	if (idn2_to_unicode_8z8z(in, &text, 0) != IDN2_OK)
		return false;
	*n = strlen(text);
	ok = *n <= U_LABEL_MAX && label_to_ascii((struct span){text, *n}, back, &back_n) &&
	     span_eq((struct span){back, back_n}, label);
	if (ok)
		memcpy(out, text, *n);
	idn2_free(text);
	return ok;
}

struct span domain_to_unicode(const struct domain *d, char out[static DOMAIN_U_MAX])
{
	struct span rest = domain_span(d);
	size_t n = 0;

	while (rest.n > 0) {
		const char *dot = memchr(rest.p, '.', rest.n);
		struct span label = {rest.p, dot != NULL ? (size_t)(dot - rest.p) : rest.n};
		char text[U_LABEL_MAX];
		size_t text_n;

		if (!label_is_idn(label) || !label_to_unicode(label, text, &text_n)) {
			memcpy(text, label.p, label.n);
			text_n = label.n;
		}
		ENSURE(text_n + 2 <= DOMAIN_U_MAX - n);
		memcpy(out + n, text, text_n);
		n += text_n;
		if (dot != NULL)
			out[n++] = '.';
		rest.p += label.n + (dot != NULL);
		rest.n -= label.n + (dot != NULL);
	}
	out[n] = '\0';
	return (struct span){out, n};
}

bool jid_domainpart(struct span jid, struct span *domainpart)
{
	const char *slash = jid.n > 0 ? memchr(jid.p, '/', jid.n) : NULL;
	size_t bare = slash != NULL ? (size_t)(slash - jid.p) : jid.n;
	const char *at = bare > 0 ? memchr(jid.p, '@', bare) : NULL;
	size_t start = at != NULL ? (size_t)(at - jid.p) + 1 : 0;

	if (at == jid.p || start == bare || (slash != NULL && bare + 1 == jid.n))
		return false;
	*domainpart = (struct span){jid.p + start, bare - start};
	return true;
}
