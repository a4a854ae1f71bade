#include "conf_internal.h"

#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

/* What no list can bring back: static RSA (and with it 3DES), which has no forward secrecy, and shared keys, of which
 * there are none (RFC 9325 section 4.1).  NULL, export and RC4 suites the library has no more. */
#define NEVER "!kRSA:!3DES:!aPSK:"
#define SEPARATORS ":, ;[]|\t"
#define WORD_MAX 64

/* What a list enables. */
struct suites {
	size_t n;
	bool ecdsa, rsa;
	bool weak;
};

static void suites_count(struct suites *s, const SSL_CIPHER *cipher)
{
	int auth = SSL_CIPHER_get_auth_nid(cipher);
	int bulk = SSL_CIPHER_get_cipher_nid(cipher);

	s->n++;
	s->ecdsa = s->ecdsa || auth == NID_auth_ecdsa;
	s->rsa = s->rsa || auth == NID_auth_rsa;
	if (SSL_CIPHER_get_kx_nid(cipher) != NID_kx_ecdhe || (auth != NID_auth_ecdsa && auth != NID_auth_rsa) ||
	    bulk == NID_des_ede3_cbc || bulk == NID_undef)
		s->weak = true;
}

/* By the library itself, which takes no word that it does not know.  False: it does not take the list. */
static bool suites_of(const char *list, struct suites *s)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	bool ok = ctx != NULL && SSL_CTX_set_strict_cipher_list(ctx, list);

	*s = (struct suites){.n = 0};
	for (size_t i = 0; ok && i < sk_SSL_CIPHER_num(SSL_CTX_get_ciphers(ctx)); i++)
		suites_count(s, sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(ctx), i));
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

/* The next word without its operator, if it names suites.  False: no more. */
static bool next_suite(const char **list, char word[static WORD_MAX], bool *excludes)
{
	while (**list != '\0') {
		size_t n;

		*list += strspn(*list, SEPARATORS);
		n = strcspn(*list, SEPARATORS);
		*excludes = **list == '!' || **list == '-';
		if (n > 0 && **list != '@') {
			size_t sign = *excludes || **list == '+';

			snprintf(word, WORD_MAX, "%.*s", (int)(n - sign), *list + sign);
			*list += n;
			return true;
		}
		*list += n;
	}
	return false;
}

static bool of_tls13(const char *word)
{
	return strncmp(word, "TLS_AES_", 8) == 0 || strncmp(word, "TLS_CHACHA20_", 13) == 0;
}

/* Each word by itself, so that the wrong one can be named. */
static bool words_known(const char *list, char why[static CONF_WHY_MAX])
{
	char word[WORD_MAX];
	struct suites suites;
	bool excludes;

	while (next_suite(&list, word, &excludes)) {
		/* The library knows these names, but they mean nothing to it here. */
		if (of_tls13(word)) {
			snprintf(why, CONF_WHY_MAX,
			    "\"%s\" belongs to TLS 1.3, all of whose suites are always on: leave it out", word);
			return false;
		}
		if (suites_of(word, &suites))
			continue;
		snprintf(why, CONF_WHY_MAX, "the TLS library knows no \"%s\"%s", word,
		    excludes ? ": leave it out, there is nothing to exclude"
		             : " (NULL, export and RC4 suites it has no more)");
		return false;
	}
	return true;
}

bool conf_ciphers_parse(const char *text, char **list, char why[static CONF_WHY_MAX])
{
	struct suites suites;
	char *full = NULL;

	if (!words_known(text, why))
		return false;
	if (asprintf(&full, NEVER "%s", text) < 0) {
		snprintf(why, CONF_WHY_MAX, "out of memory");
		return false;
	}
	if (!suites_of(text, &suites)) {
		snprintf(why, CONF_WHY_MAX,
		    "no list of cipher suites: join names by \":\", as in ECDHE+AESGCM:ECDHE+CHACHA20");
	} else if (!suites_of(full, &suites) || suites.weak) {
		snprintf(why, CONF_WHY_MAX, "names only suites that are never enabled: %s",
		    "without forward secrecy (static RSA), 3DES or pre-shared keys");
	} else {
		free(*list);
		*list = full;
		return true;
	}
	free(full);
	return false;
}

/* A word that enables nothing, and yet was meant to. */
static void check_words(struct conf_build *b, unsigned line, const char *list)
{
	char word[WORD_MAX], alone[WORD_MAX + sizeof(NEVER)];
	struct suites suites;
	bool excludes;

	while (next_suite(&list, word, &excludes)) {
		snprintf(alone, sizeof(alone), NEVER "%s", word);
		if (!excludes && (!suites_of(alone, &suites) || suites.n == 0))
			conf_warn(b, line, "ciphers: \"%s\" has no effect: what it names is never enabled", word);
	}
}

static void check_kind(struct conf_build *b, unsigned line, bool there, const char *kind, const char *other)
{
	if (!there)
		conf_warn(b, line,
		    "ciphers: no suite for %s certificates is left: whoever has only such a one can't connect by TLS "
		    "1.2.  "
		    "The s2s manifesto lists servers that \"support only RSA or ECC\" as wrongly set up: allow %s "
		    "beside %s, "
		    "or leave the list out",
		    kind, kind, other);
}

void conf_ciphers_check(struct conf_build *b, unsigned line)
{
	struct suites suites;

	if (line == 0 || !suites_of(b->conf->ciphers, &suites))
		return;
	check_words(b, line, b->conf->ciphers);
	check_kind(b, line, suites.ecdsa, "ECDSA", "RSA");
	check_kind(b, line, suites.rsa, "RSA", "ECDSA");
}
