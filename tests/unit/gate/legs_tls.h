/* legs_tls: legs.h with the certificates of trust/scene.h. */
#ifndef SALLYPORT_TEST_GATE_LEGS_TLS_H
#define SALLYPORT_TEST_GATE_LEGS_TLS_H

#include "legs.h"
#include "trust/scene.h"

struct tls_world {
	struct world w; /* first, so that legs.h's helpers take it */
	void *scene;
};

static inline int tls_world_up(void **state)
{
	struct tls_world *t = calloc(1, sizeof(*t));
	void *w;

	assert_non_null(t);
	assert_int_equal(world_up(&w), 0);
	t->w = *(struct world *)w;
	free(w);
	assert_int_equal(scene_up(&t->scene), 0);
	*state = t;
	return 0;
}

static inline int tls_world_down(void **state)
{
	struct tls_world *t = *state;

	world_end(&t->w); /* before the contexts: the connections of freed legs go with the loop */
	assert_int_equal(scene_down(&t->scene), 0);
	free(t);
	return 0;
}

static inline struct tls *client_tls(struct tls_world *t, const char *sni, bool direct)
{
	struct scene *s = t->scene;
	struct domain name = scene_domain(sni);

	return tls_new(s->ctx, TLS_PUBLIC_OUT, scene_own(s, "b.test"), &name, direct);
}

static inline struct tls *server_tls(struct tls_world *t, bool direct)
{
	struct scene *s = t->scene;

	return tls_new(s->ctx, TLS_PUBLIC_IN, direct ? NULL : scene_own(s, "a.test"), NULL, direct);
}

static inline void secure(struct side *s, struct tls *tls, bool direct)
{
	assert_non_null(tls);
	s->calling = true;
	leg_secure(s->leg, tls, direct);
	s->calling = false;
}

/* The first bytes are read in the clear, and turn out to be a record. */
static inline void direct(struct side *s, enum leg_event event)
{
	if (event != LEG_READABLE || leg_tls(s->leg) != NULL)
		return;
	assert_true(buf_len(leg_in(s->leg)) > 0);
	assert_int_equal(buf_span(leg_in(s->leg)).p[0], 0x16);
	s->eat = SIZE_MAX;
	leg_secure(s->leg, server_tls(s->more, true), true);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, tls_world_up, tls_world_down)

#endif
