/* conf, inside: the option table and the builder that fills a snapshot from it. */
#ifndef SALLYPORT_CONF_INTERNAL_H
#define SALLYPORT_CONF_INTERNAL_H

#include "sallyport/conf.h"

/* What an option's offset is counted from. */
enum conf_owner { CONF_OF_ALL, CONF_OF_BACKEND, CONF_OF_HOST, CONF_OF_PEER };

struct conf_section {
	const char *name;
	const char *argument; /* what stands behind the name in the brackets: "NAME"; NULL: nothing */
	const char *example;  /* of the argument */
	enum conf_owner owner;
	const char *doc;
};

enum conf_type {
	CONF_LEVEL,      /* enum log_level */
	CONF_BOOL,       /* bool */
	CONF_COUNT,      /* uint32_t */
	CONF_SIZE,       /* uint32_t, bytes */
	CONF_DURATION,   /* uint32_t, milliseconds */
	CONF_USER,       /* char *, a system user */
	CONF_SECRET,     /* char * */
	CONF_PATH,       /* char *, absolute */
	CONF_FILES,      /* char *[], one a line: absolute, each a file that can be read now */
	CONF_FOLDERS,    /* char *[], one a line: absolute, each a folder that can be read now */
	CONF_ADDRESS,    /* struct addr */
	CONF_ADDRESSES,  /* struct addr[] */
	CONF_SERVERS,    /* struct addr[], the port may be left out */
	CONF_SUBDOMAINS, /* struct domain[], and the host's wildcard */
	CONF_BACKEND,    /* char *, the name of a [backend] */
	CONF_PLACES,     /* char *[], one a line: absolute, each a file or folder that can be read now */
	CONF_REVOCATION, /* enum conf_revocation */
	CONF_KEYS,       /* struct conf_key[] */
	CONF_SERIAL,     /* struct conf_serial[], one a line */
	CONF_REACH,      /* enum addr_reach */
	CONF_DATE,       /* int64_t, Unix seconds of that day's end */
	CONF_TEXT,       /* char * */
	CONF_CIPHERS,    /* char *, what BoringSSL takes for a list of cipher suites */
	CONF_GUARD,      /* enum conf_guard */
	CONF_MODE,       /* uint32_t, the bits of a file's mode */
};

/* One row of the option table. */
struct conf_option {
	const struct conf_section *section;
	const char *key;
	enum conf_type type;
	bool required;
	size_t offset;        /* of the value in its owner */
	size_t offset_n;      /* of the count, for a type of many values */
	uint32_t least, most; /* for numbers, in the unit that is stored; for SERVERS least is the port */
	const char *fallback; /* NULL: all bytes zero */
	const char *example;  /* NULL: the fallback is one */
	const char *doc;
};

/* The tables (conf_options.c). */
extern const struct conf_section conf_sections[];
extern const size_t conf_sections_n;
extern const struct conf_option conf_options[];
extern const size_t conf_options_n;
#define CONF_SECTION_KEYS 32 /* at least the most options of one section */

const struct conf_section *conf_section_find(struct span name);
/* NULL: no such key in this section. */
const struct conf_option *conf_option_find(const struct conf_section *section, const char *key);
/* The position of an option among those of its section, < CONF_SECTION_KEYS. */
size_t conf_option_place(const struct conf_option *option);
/* As an operator knows it: "[backend NAME]". */
#define CONF_TITLE_MAX 32
const char *conf_section_title(const struct conf_section *section, char out[static CONF_TITLE_MAX]);
/* Advice for a key or section that there is none of: "; did you mean …?".  Into out. */
#define CONF_ADVICE_MAX 256
const char *conf_advise_key(const struct conf_section *section, const char *key, char out[static CONF_ADVICE_MAX]);
const char *conf_advise_section(const char *name, char out[static CONF_ADVICE_MAX]);

/* Values (conf_value.c). */
#define CONF_WHY_MAX 300
/* Reads a value into its place in owner, which keeps what it has if this fails; a type of many values appends.
 * False: why is a sentence. */
MUST_CHECK bool conf_value_parse(
    const struct conf_option *option, void *owner, const char *text, char why[static CONF_WHY_MAX]);
void conf_value_free(const struct conf_option *option, void *owner);
const char *conf_type_name(enum conf_type type);
bool conf_type_is_list(enum conf_type type);
/* Can this file be read?  False: why says why not. */
MUST_CHECK bool conf_file_readable(const char *path, char why[static CONF_WHY_MAX]);
/* A list of cipher suites for TLS 1.2 (conf_ciphers.c).  *list: replaced by one without the suites that are never
 * enabled.  False: why says what is wrong. */
MUST_CHECK bool conf_ciphers_parse(const char *text, char **list, char why[static CONF_WHY_MAX]);
/* A zeroed element at the end of an array from malloc(); array is the address of its pointer.  NULL: no memory. */
MUST_CHECK void *conf_append(void *array, size_t *n, size_t size);

/* A section of the file, while the snapshot is being built. */
struct conf_draft {
	const struct conf_section *section; /* NULL: not a section that we know; its keys are passed over */
	size_t at;                          /* which of the backends or hosts */
	unsigned line;
	bool faulty;                      /* it had an error: what it lacks may be that */
	unsigned seen[CONF_SECTION_KEYS]; /* the line that first set this option; 0: none did */
};

struct conf_build {
	const char *path;
	struct conf *conf;
	struct conf_errors *errors;
	struct conf_draft *drafts;
	size_t drafts_n;
	bool reading; /* an error is the last draft's */
	bool faulty;  /* there was an error */
	bool no_memory;
};

/* line 0: no line to name. */
void conf_error(struct conf_build *b, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);
void conf_warn(struct conf_build *b, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The file's reader (conf_file.c) calls these in the order of its lines. */
void conf_build_section(struct conf_build *b, unsigned line, struct span name, struct span argument);
void conf_build_broken_section(struct conf_build *b, unsigned line);
void conf_build_pair(struct conf_build *b, unsigned line, const char *key, const char *value);
/* Reads the file at b->path. */
void conf_file_read(struct conf_build *b);
/* Everything that takes more than one value to see (conf_check.c). */
void conf_check(struct conf_build *b);
/* Warns of a list that cuts off peers; line: where it was set, 0: nowhere. */
void conf_ciphers_check(struct conf_build *b, unsigned line);
void *conf_owner(struct conf *conf, const struct conf_section *section, size_t at);

/* Domain to whatever stands for it (conf_index.c).  domains: how many will be added at most.  NULL: no memory. */
struct conf_index *conf_index_new(size_t domains);
/* What was added for the domain before; NULL: nothing, and now value is.  The domain lives as long as the index. */
const void *conf_index_add(struct conf_index *index, const struct domain *domain, const void *value);
/* NULL: nothing was added for it. */
const void *conf_index_find(const struct conf_index *index, struct span domain);
void conf_index_free(struct conf_index *index);

#endif
