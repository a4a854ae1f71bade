/* Configuration files.  Besides not crashing: a file is taken, or refused with reasons that a person can read (one line
 * each, that name the place); and of what was taken each host and each row is found by its own name. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sallyport/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

__attribute__((noreturn)) static void wrong(const char *what, const char *value)
{
	fprintf(stderr, "%s: %s\n", what, value);
	abort();
}

static void check_texts(size_t n, char text[][CONF_ERROR_MAX], const char *path)
{
	for (size_t i = 0; i < n && i < CONF_ERRORS_KEPT; i++) {
		if (strncmp(text[i], path, strlen(path)) != 0)
			wrong("names no place", text[i]);
		for (const char *p = text[i]; *p != '\0'; p++)
			if (iscntrl((unsigned char)*p) && *p != '\t')
				wrong("holds a control character", text[i]);
	}
}

static void check_found(const struct conf *conf)
{
	for (size_t i = 0; i < conf->hosts_n; i++) {
		const struct conf_host *host = &conf->hosts[i];

		if (host->backend == NULL)
			wrong("has no backend", host->domain.s);
		if (conf_host_find(conf, &host->domain) != host)
			wrong("is not found", host->domain.s);
		for (size_t k = 0; k < host->subdomains_n; k++)
			if (conf_host_find(conf, &host->subdomains[k]) != host)
				wrong("is not found by its subdomain", host->subdomains[k].s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct conf_errors errors = {0};
	struct conf *conf;
	char path[64];
	int fd = memfd_create("sallyport.ini", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		wrong("memfd_create", "no memory");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	conf = conf_load(path, &errors);
	close(fd);
	if ((conf == NULL) != (errors.n > 0))
		wrong("is neither taken nor refused", errors.text[0]);
	check_texts(errors.n, errors.text, path);
	check_texts(errors.warnings, errors.warning, path);
	if (conf != NULL)
		check_found(conf);
	conf_unref(conf);
	return 0;
}
