#include "keys_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bytestring.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct keys *keys_new(void)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL)
		return NULL;
	atomic_init(&keys->refs, 1);
	(void)pthread_mutex_init(&keys->talk, NULL);
	(void)pthread_mutex_init(&keys->lock, NULL);
	keys->ask = keys->home = keys->life = -1;
	keys->vault = vault_new();
	if (keys->vault == NULL) {
		keys_unref(keys);
		return NULL;
	}
	return keys;
}

struct keys *keys_ref(struct keys *keys)
{
	atomic_fetch_add(&keys->refs, 1);
	return keys;
}

void keys_unref(struct keys *keys)
{
	if (keys == NULL || atomic_fetch_sub(&keys->refs, 1) != 1)
		return;
	ENSURE(keys->all == NULL && keys->loop == NULL);
	if (keys->vault == NULL)
		keys_remote_free(keys);
	vault_free(keys->vault);
	(void)pthread_mutex_destroy(&keys->talk);
	(void)pthread_mutex_destroy(&keys->lock);
	free(keys);
}

static void key_free(struct keys_key *key)
{
	free(key->certificate);
	free(key->file);
	keys_unref(key->keys);
	free(key);
}

static struct keys_key *key_new(struct keys *keys, const struct keys_files *files)
{
	struct keys_key *key = calloc(1, sizeof(*key));

	if (key == NULL)
		return NULL;
	atomic_init(&key->refs, 1);
	key->keys = keys_ref(keys);
	key->certificate = files != NULL ? strdup(files->certificate) : NULL;
	key->file = files != NULL ? strdup(files->key) : NULL;
	if (files != NULL && (key->certificate == NULL || key->file == NULL)) {
		key_free(key);
		return NULL;
	}
	(void)pthread_mutex_lock(&keys->lock);
	key->id = keys->next_id++;
	(void)pthread_mutex_unlock(&keys->lock);
	return key;
}

struct keys_key *keys_key_ref(struct keys_key *key)
{
	atomic_fetch_add(&key->refs, 1);
	return key;
}

/* Later, if there is no memory: it costs the other process a few hundred bytes. */
static void note_forgotten(struct keys *keys, uint64_t id)
{
	if (keys->forget_n == keys->forget_cap) {
		size_t cap = keys->forget_cap > 0 ? keys->forget_cap * 2 : 16;
		uint64_t *grown = realloc(keys->forget, cap * sizeof(*grown));

		if (grown == NULL)
			return;
		keys->forget = grown;
		keys->forget_cap = cap;
	}
	keys->forget[keys->forget_n++] = id;
}

/* Whoever goes over keys->all takes a reference under the lock, so the last one is given back under it as well. */
static bool last_reference(struct keys_key *key)
{
	struct keys *keys = key->keys;
	bool last;

	(void)pthread_mutex_lock(&keys->lock);
	last = atomic_fetch_sub(&key->refs, 1) == 1;
	if (last && key->listed) {
		*key->at = key->next;
		if (key->next != NULL)
			key->next->at = key->at;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): every key has a reference to keys */
		note_forgotten(keys, key->id);
		keys_tell_forgotten(keys);
	}
	(void)pthread_mutex_unlock(&keys->lock);
	return last;
}

void keys_key_unref(struct keys_key *key)
{
	if (key == NULL || !last_reference(key))
		return;
	if (key->keys->vault != NULL)
		vault_forget(key->keys->vault, key->id);
	key_free(key);
}

bool keys_answer(struct span answer, struct keys_loaded *loaded)
{
	CBS all, key;

	CBS_init(&all, (const uint8_t *)answer.p, answer.n);
	if (!CBS_get_u24_length_prefixed(&all, &key))
		return false;
	loaded->public_key = (struct span){(const char *)CBS_data(&key), CBS_len(&key)};
	loaded->chain = (struct span){(const char *)CBS_data(&all), CBS_len(&all)};
	return true;
}

static void open_file(struct vault_file *file, const char *path)
{
	file->path = path;
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): only of keys that have files */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	file->error = errno;
}

/* True: told of. */
static bool load_here(struct keys *keys, struct keys_key *key, size_t i,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg)
{
	struct keys_loaded loaded = {.key = NULL};
	struct vault_file certificate, file;
	struct vault_answer answer = {.p = NULL};
	char sentence[512];
	bool ok;

	open_file(&certificate, key->certificate);
	open_file(&file, key->file);
	ok = vault_load(keys->vault, key->id, &certificate, &file, &answer);
	(void)close(certificate.fd);
	(void)close(file.fd);
	if (ok && keys_answer((struct span){(const char *)answer.p, answer.n}, &loaded)) {
		loaded.key = keys_key_ref(key);
	} else {
		(void)snprintf(sentence, sizeof(sentence), "%.*s", (int)answer.n, (const char *)answer.p);
		loaded.error = sentence;
		loaded.no_pair = answer.no_pair;
	}
	ok = loaded.key != NULL || answer.n > 0; /* nothing said: no memory */
	if (ok)
		told(arg, i, &loaded);
	vault_answer_free(&answer);
	return ok;
}

bool keys_load(struct keys *keys, const struct keys_files *files, size_t n,
    void (*told)(void *arg, size_t i, const struct keys_loaded *loaded), void *arg)
{
	struct keys_key *key[KEYS_BATCH] = {NULL};
	bool ok = true;

	ENSURE(n <= KEYS_BATCH);
	for (size_t i = 0; i < n && ok; i++)
		ok = (key[i] = key_new(keys, &files[i])) != NULL;
	for (size_t i = 0; i < n && ok && keys->vault != NULL; i++)
		ok = load_here(keys, key[i], i, told, arg);
	if (ok && keys->vault == NULL) {
		(void)pthread_mutex_lock(&keys->talk);
		ok = keys_load_remote(keys, key, n, told, arg);
		(void)pthread_mutex_unlock(&keys->talk);
	}
	for (size_t i = 0; i < n; i++)
		keys_key_unref(key[i]);
	return ok;
}

struct keys_key *keys_keep(const EVP_PKEY *made)
{
	struct keys *keys = keys_new();
	struct keys_key *key = keys != NULL ? key_new(keys, NULL) : NULL;

	keys_unref(keys);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the key has a reference to keys */
	if (key != NULL && !vault_put(key->keys->vault, key->id, made)) {
		keys_key_unref(key);
		return NULL;
	}
	return key;
}
