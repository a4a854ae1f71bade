#include "ctl.h"

#include <stdio.h>
#include <stdlib.h>

static bool grow(struct ctl_bytes *b)
{
	size_t cap = b->cap * 2 + 65536;
	char *more = realloc(b->p, cap);

	if (more == NULL)
		return false;
	b->p = more;
	b->cap = cap;
	return true;
}

bool ctl_read(struct ctl_bytes *b, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t got = 1;
	bool good = file != NULL;

	while (good && got > 0) {
		good = b->n < b->cap || grow(b);
		got = good ? fread(b->p + b->n, 1, b->cap - b->n, file) : 0;
		b->n += got;
	}
	good = good && !ferror(file);
	if (!good)
		perror(path);
	if (file != NULL)
		(void)fclose(file);
	return good;
}

void ctl_bytes_free(struct ctl_bytes *b)
{
	free(b->p);
	*b = (struct ctl_bytes){NULL, 0, 0};
}
