#include "creds.h"

#include <openssl/err.h>
#include <stdio.h>

static const uint8_t alpn[] = {11, 'x', 'm', 'p', 'p', '-', 's', 'e', 'r', 'v', 'e', 'r'};

/* Judging certificates is the gateway's work; ours would only cost time. */
static enum ssl_verify_result_t accept_chain(SSL *ssl, uint8_t *alert)
{
	(void)ssl;
	(void)alert;
	return ssl_verify_ok;
}

static int choose_alpn(SSL *ssl, const uint8_t **out, uint8_t *out_n, const uint8_t *in, unsigned in_n, void *arg)
{
	uint8_t *selected;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&selected, out_n, in, in_n, alpn, sizeof(alpn)) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = selected;
	return SSL_TLSEXT_ERR_OK;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct creds_session *keep = SSL_get_app_data(ssl);

	if (keep == NULL)
		return 0;
	SSL_SESSION_free(keep->newest);
	keep->newest = session;
	return 1;
}

static bool set_versions(SSL_CTX *ctx, enum tls_version version)
{
	return SSL_CTX_set_min_proto_version(ctx, version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) &&
	       SSL_CTX_set_max_proto_version(ctx, version == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
}

struct files {
	char chain[4096], key[4096];
};

/* who: "local" or "peers" */
static struct files files_of(const struct plan *plan, const char *who)
{
	struct files f;

	if (plan->certificate != NULL) {
		snprintf(f.chain, sizeof(f.chain), "%s", plan->certificate);
		snprintf(f.key, sizeof(f.key), "%s", plan->key);
		return f;
	}
	snprintf(f.chain, sizeof(f.chain), "%s/%s-%s.pem", plan->pki, who, plan->key_type == KEY_RSA ? "rsa" : "ecdsa");
	snprintf(f.key, sizeof(f.key), "%s/%s-%s.key", plan->pki, who, plan->key_type == KEY_RSA ? "rsa" : "ecdsa");
	return f;
}

static bool use_files(SSL_CTX *ctx, const struct files *f, char *err, size_t err_n)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, f->chain) != 1) {
		snprintf(err, err_n, "%s: no certificate chain in PEM, or not readable", f->chain);
		return false;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) != 1) {
		snprintf(err, err_n, "%s: no private key in PEM, not readable, or not that of %s", f->key, f->chain);
		return false;
	}
	return true;
}

static SSL_CTX *ctx_new(const struct plan *plan)
{
	/* what is the same everywhere: with post-quantum groups some gateways would do more work than others */
	static const int groups[] = {NID_X25519, NID_X9_62_prime256v1, NID_secp384r1};
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (ctx == NULL)
		return NULL;
	if (!set_versions(ctx, plan->tls_version) || !SSL_CTX_set1_curves(ctx, groups, ARRAY_LEN(groups))) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return ctx;
}

static bool set_up(SSL_CTX *ctx, enum creds_role role, const struct plan *plan, char *err, size_t err_n)
{
	bool server = role == CREDS_REMOTE || role == CREDS_BACKEND;
	struct files f = files_of(plan, role == CREDS_BACKEND || role == CREDS_BACKEND_OUT ? "local" : "peers");

	if (server)
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
	if (role != CREDS_BACKEND)
		SSL_CTX_set_custom_verify(ctx, SSL_VERIFY_PEER, accept_chain);
	if (role == CREDS_PEER && plan->resume) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, keep_session);
	}
	if (role == CREDS_BACKEND_OUT || (role == CREDS_PEER && plan->no_client_certificate))
		return true;
	return use_files(ctx, &f, err, err_n);
}

bool creds_init(struct creds *c, const struct plan *plan, char *err, size_t err_n)
{
	*c = (struct creds){.plan = plan};
	snprintf(err, err_n, "out of memory");
	for (int role = 0; role < CREDS_ROLES; role++) {
		c->ctx[role] = ctx_new(plan);
		if (c->ctx[role] == NULL || !set_up(c->ctx[role], (enum creds_role)role, plan, err, err_n)) {
			ERR_clear_error();
			creds_free(c);
			return false;
		}
	}
	return true;
}

void creds_free(struct creds *c)
{
	for (int role = 0; role < CREDS_ROLES; role++)
		SSL_CTX_free(c->ctx[role]);
	*c = (struct creds){.plan = NULL};
}

SSL *creds_ssl(
    const struct creds *c, enum creds_role role, const char *name, bool direct, struct creds_session *session)
{
	SSL *ssl = SSL_new(c->ctx[role]);

	if (ssl == NULL)
		return NULL;
	/* thousands of idle connections have to fit into this process too */
	SSL_set_shed_handshake_config(ssl, 1);
	if (role == CREDS_REMOTE || role == CREDS_BACKEND) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	SSL_set_app_data(ssl, session);
	if (session != NULL && session->newest != NULL)
		SSL_set_session(ssl, session->newest);
	if ((name != NULL && !SSL_set_tlsext_host_name(ssl, name)) ||
	    (direct && c->plan->wire == WIRE_S2S && SSL_set_alpn_protos(ssl, alpn, sizeof(alpn)) != 0)) {
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}

/* As a server that takes this one authority, for servers' certificates as for clients'. */
static bool set_up_bare_server(SSL_CTX *ctx, const struct plan *plan, char *err, size_t err_n)
{
	struct files f = files_of(plan, "local");
	char ca[4096];

	snprintf(ca, sizeof(ca), "%s/ca.pem", plan->pki);
	if (!SSL_CTX_load_verify_locations(ctx, ca, NULL)) {
		snprintf(err, err_n, "%s: no certificate in PEM, or not readable", ca);
		return false;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return use_files(ctx, &f, err, err_n);
}

bool creds_init_bare(SSL_CTX **client, SSL_CTX **server, const struct plan *plan, char *err, size_t err_n)
{
	struct files f = files_of(plan, "peers");

	snprintf(err, err_n, "out of memory");
	*client = ctx_new(plan);
	*server = ctx_new(plan);
	if (*client != NULL && *server != NULL && use_files(*client, &f, err, err_n) &&
	    set_up_bare_server(*server, plan, err, err_n)) {
		SSL_CTX_set_custom_verify(*client, SSL_VERIFY_PEER, accept_chain);
		return true;
	}
	ERR_clear_error();
	SSL_CTX_free(*client);
	SSL_CTX_free(*server);
	return false;
}
