/* signer: the key process.  It holds a vault and answers keymsg's questions; nothing else is ever done with a key.
 *
 * Before it reads the first file it gives up everything but its sockets, and so it cannot open any: those come as open
 * descriptors from the supervisor.  It ends when the supervisor or the network process has. */
#ifndef SALLYPORT_SIGNER_H
#define SALLYPORT_SIGNER_H

#include "sallyport/base.h"
#include "sallyport/conf.h"

/* Its descriptors, all its own. */
struct signer_ends {
	int files; /* the supervisor's: keys to be loaded */
	int home;  /* the network process's: what is loaded, what may be forgotten */
	int *line; /* the same, for each thread there: what is to be signed */
	unsigned lines;
};

/* Until its end.  Single-threaded until here. */
_Noreturn void signer_run(const struct signer_ends *ends, const struct conf *conf);

#endif
