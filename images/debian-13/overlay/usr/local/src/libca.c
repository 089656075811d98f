// node and deno bring lists of authorities of their own, and add the machine's only when a variable names the file. This
// library, which both of them load, sets the variables where they are missing: under `env -i`, in services.
//
// It is loaded in place of libdl.so.2, which is empty since glibc 2.34 and which both name as needed: nothing more is to be
// loaded, and no program stands in front of them. Built with: gcc -shared -fPIC -O2 -s -Wl,-soname,libca.so.1
// -Wl,--version-script=libca.map, since the version by which they name libdl's functions must be there.
#include <stdlib.h>
#include <unistd.h>

// What the agent writes; without it there is nothing to trust.
static const char authorities[] = "/etc/ssl/sandkeep.pem";

__attribute__((constructor)) static void trust(void) {
  if (getenv("NODE_EXTRA_CA_CERTS") && getenv("DENO_CERT")) return;
  if (access(authorities, R_OK) != 0) return;
  setenv("NODE_EXTRA_CA_CERTS", authorities, 0);
  setenv("DENO_CERT", authorities, 0);
}
