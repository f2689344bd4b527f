"""How many files a server may have open: as many as the system lets it.

Each connection is one. A shell and a service begin with a soft limit of 1,024, kept so low for programs that use
select(2), which we do not: a thousand idle browsers would keep everybody else out (threat H2). Servers written in Go
raise it as they start; so does this.
"""

from __future__ import annotations

import resource

MOST = 65_536
"""More than the connections that one process takes; where a container allows a billion, tables of them cost memory."""


def allow_most() -> None:
    """Raise the soft limit of open files to the hard one, or to `MOST`; lower nothing. Our children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
