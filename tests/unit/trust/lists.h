/* lists: the scene with a folder of revocation lists. */
#ifndef SALLYPORT_TEST_TRUST_LISTS_H
#define SALLYPORT_TEST_TRUST_LISTS_H

#include "rules.h"

#include <sys/stat.h>

/* The chain is the scene's: leaf a.test, Test Intermediate, Test Root.  Every test puts its lists into lists/. */
struct world {
	struct scene *scene;
	struct mint other;  /* a second certificate of the intermediate's: b.test */
	struct mint forger; /* of the intermediate's name, with a key of its own */
	char lists[128];
};

static inline int world_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	void *scene;

	assert_non_null(w);
	(void)scene_up(&scene);
	w->scene = scene;
	w->other = mint_new(&(struct mint_spec){.names = {MINT_DNS_NAME("b.test")}, .serial = 77}, &w->scene->inter);
	w->forger = mint_new(&(struct mint_spec){.cn = "Test Intermediate", .ca = true}, NULL);
	scene_path(w->scene, "lists", w->lists, sizeof(w->lists));
	assert_int_equal(mkdir(w->lists, 0755), 0);
	*state = w;
	return 0;
}

static inline int world_down(void **state)
{
	struct world *w = *state;
	void *scene = w->scene;

	assert_int_equal(rmdir(w->lists), 0);
	mint_free(&w->other);
	mint_free(&w->forger);
	(void)scene_down(&scene);
	free(w);
	return 0;
}

static inline const char *list_path(const struct world *w, const char *name)
{
	static char path[192];

	(void)snprintf(path, sizeof(path), "%s/%s", w->lists, name);
	return path;
}

static inline void put(
    const struct world *w, const char *name, const struct mint_crl_spec *spec, const struct mint *issuer)
{
	mint_write_crl(list_path(w, name), spec, issuer);
}

static inline void put_empty(const struct world *w, const char *name, const struct mint *issuer)
{
	put(w, name, &(struct mint_crl_spec){0}, issuer);
}

/* With whatever lists there are, which are gone afterwards. */
static inline struct rules judged_by(const struct world *w, const char *more)
{
	static const char *const names[] = {"1", "2", "3", "4", ".hidden"};
	char text[512];
	struct rules r;

	(void)snprintf(text, sizeof(text), "[revocation]\ncrl = $D/lists\n%s", more);
	r = rules_new(w->scene, text);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(list_path(w, names[i]));
	return r;
}

#endif
